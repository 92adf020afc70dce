#include "assay/derivation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "assay/core/error.h"
#include "assay/symbols.h"

namespace assay::cli {
namespace {

constexpr std::int64_t kPrintedElements = 16;

std::string fixed(double x, int digits) {
  std::string text = fmt::format("{:.{}f}", x, digits);
  // Minus zero is what a small negative number rounds to; the sign would only puzzle.
  if (text.find_first_not_of("-0.") == std::string::npos && text[0] == '-') text.erase(0, 1);
  if (text[0] == '-') text.replace(0, 1, "−");
  return text;
}

std::string nested(const std::vector<double>& values, std::span<const std::int64_t> extents,
                   std::size_t& next, int digits) {
  if (extents.empty()) return fixed(values[next++], digits);
  std::string text = "[";
  for (std::int64_t i = 0; i < extents[0]; ++i)
    text += (i > 0 ? ", " : "") + nested(values, extents.subspan(1), next, digits);
  return text + "]";
}

std::string summary(const TensorView& tensor, const std::vector<double>& values, int digits) {
  double low = values.front(), high = low, sum = 0, square = 0;
  std::int64_t wrong = 0;
  for (double v : values) {
    low = std::min(low, v);
    high = std::max(high, v);
    sum += v;
    square += v * v;
    if (!std::isfinite(v)) ++wrong;
  }
  std::string text = fmt::format(
      "{} in [{:.{}g}, {:.{}g}], mean {:.{}g}, norm {:.{}g}", tensor.spec.shape.to_string(), low, digits + 1,
      high, digits + 1, sum / static_cast<double>(values.size()), digits + 1, std::sqrt(square), digits + 1);
  if (wrong > 0) text += fmt::format(", {} not finite", wrong);
  return text;
}

bool printable(const Spec& spec) { return spec.count() <= kPrintedElements; }

// How an op is written with its operands' texts: {0}, {1}, ... stand for operands. Other ops are written as
// name(a, b).
struct Writing {
  const char* op;
  const char* text;
};
constexpr Writing kWritings[] = {
    {"add", "{0} + {1}"},
    {"sub", "{0} − {1}"},
    {"mul", "{0} ⊙ {1}"},
    {"div", "{0} / {1}"},
    {"neg", "−{0}"},
    {"exp", "exp({0})"},
    {"log", "log({0})"},
    {"sqrt", "√{0}"},
    {"sum", "Σ {0}"},
    {"mean", "mean {0}"},
    {"max", "max {0}"},
    {"reshape", "{0}"},
    {"broadcast_to", "{0}"},
    {"sigmoid", "σ({0})"},
    {"relu", "max(0, {0})"},
    {"tanh", "tanh({0})"},
    {"identity", "{0}"},
    {"sigmoid_grad", "{0} ⊙ {1} ⊙ (1 − {1})"},
    {"tanh_grad", "{0} ⊙ (1 − {1}²)"},
    {"relu_grad", "{0} ⊙ [{1} > 0]"},
    {"half_squared_error", "1/(2B) ‖{1} − {0}‖²"},
};

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

bool compound(const std::string& text) {
  return text.find(" + ") != std::string::npos || text.find(" − ") != std::string::npos;
}

std::string write_op(const Node& node, const std::vector<std::string>& operands, bool symbols) {
  const std::string& op = node.op->name;
  if (op == "linear") {
    // The article's order W x + b for one sample is X Wᵀ + b for a batch; both are the same numbers.
    std::string text = symbols ? fmt::format("{} {}ᵀ", operands[0], operands[1])
                               : fmt::format("{} · {}ᵀ", operands[0], operands[1]);
    if (operands.size() == 3) text += " + " + operands[2];
    return text;
  }
  if (op == "matmul") {
    const auto marked = [&](std::size_t i, const char* field) {
      const std::string text = compound(operands[i]) ? "(" + operands[i] + ")" : operands[i];
      return node.fields.boolean(field) ? text + "ᵀ" : text;
    };
    return marked(0, "transpose_a") + (symbols ? " " : " · ") + marked(1, "transpose_b");
  }
  for (const Writing& writing : kWritings) {
    if (op != writing.op) continue;
    std::string text = writing.text;
    for (std::size_t i = 0; i < operands.size(); ++i) {
      const bool tight =
          text.find("⊙") != std::string::npos || text.starts_with("√") || text.starts_with("−");
      const std::string operand = tight && compound(operands[i]) ? "(" + operands[i] + ")" : operands[i];
      text = replace_all(std::move(text), fmt::format("{{{}}}", i), operand);
    }
    return text;
  }
  std::string text = op + "(" + join(operands);
  for (const auto& [name, field] : node.fields.items()) text += ", " + name + " = " + to_string(field);
  return text + ")";
}

}  // namespace

std::string numbers(const TensorView& tensor, int digits) {
  const std::vector<double> values = to_doubles(tensor);
  if (values.empty()) return tensor.spec.shape.to_string() + " (empty)";
  if (!printable(tensor.spec)) return summary(tensor, values, digits);
  std::size_t next = 0;
  if (!is_real(tensor.spec.dtype)) digits = 0;
  return nested(values, tensor.spec.shape.extents(), next, digits);
}

Derivation derive(const Graph& graph, const std::function<TensorView(ValueId)>& value, std::int64_t batch,
                  int digits) {
  Derivation derivation;
  const Symbols symbols(graph);
  const auto operand_number = [&](ValueId id) {
    const Node& node = graph.node(id);
    if (node.kind == NodeKind::constant) return fmt::format("{:g}", node.constant);
    return numbers(value(id), digits);
  };
  const auto operand_symbol = [&](ValueId id) {
    const Node& node = graph.node(id);
    return node.kind == NodeKind::constant ? fmt::format("{:g}", node.constant) : symbols.of(id);
  };

  for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
    const Node& node = graph.nodes()[n];
    const ValueId id{static_cast<std::int32_t>(n), 0};
    if (node.kind == NodeKind::constant) continue;
    DerivationStep step;
    step.layer = node.scope;
    step.symbol = symbols.of(id);
    step.name = symbols.name_of(id);
    step.spec = node.outputs[0];
    step.result = numbers(value(id), digits);
    if (printable(step.spec)) step.values = to_doubles(value(id));
    if (node.kind != NodeKind::op) {
      derivation.given.push_back(std::move(step));
      continue;
    }
    step.section = node.backward          ? Section::backward
                   : node.scope == "loss" ? Section::loss
                                          : Section::forward;
    std::vector<std::string> in_symbols, in_numbers;
    bool all_printable = printable(step.spec);
    for (ValueId operand : node.inputs) {
      in_symbols.push_back(operand_symbol(operand));
      all_printable = all_printable && printable(graph.spec(operand));
    }
    step.formula = write_op(node, in_symbols, true);
    if (all_printable) {
      for (ValueId operand : node.inputs) in_numbers.push_back(operand_number(operand));
      step.substituted = write_op(node, in_numbers, false);
    }
    if (batch > 1 && symbols.is_delta(id)) {
      Tensor scaled = Tensor::of(DType::f64, step.spec.shape, to_doubles(value(id)));
      for (double& x : scaled.as<double>()) x *= static_cast<double>(batch);
      step.note = fmt::format("the article leaves 1/B out of {}: B · this = {}", step.symbol,
                              numbers(scaled.view(), digits));
    }
    derivation.steps.push_back(std::move(step));
  }
  return derivation;
}

}  // namespace assay::cli
