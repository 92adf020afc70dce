#include "assay/verify/op_site.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

#include "assay/core/random.h"
#include "assay/program/place.h"

namespace assay::verify {
namespace {

// The ends of T, with 0 between them.
template <class T>
constexpr double kEnds[] = {std::numeric_limits<T>::infinity(), std::numeric_limits<T>::max(),
                            std::numeric_limits<T>::denorm_min(), std::numeric_limits<T>::min(), 0.0};

double real_number(const CaseInput& input, DType dtype, const Draw& draw, RandomStream stream,
                   std::uint32_t element) {
  // Words 0 and 1 are the number, word 3 its sign: drawing is a large part of judging.
  const auto words = random_bits(stream, 0, 0, element);
  const bool negative = input.domain != Domain::positive && words[3] % 2 == 1;
  const bool may_be_zero = input.domain == Domain::real;
  const double uniform =
      draw.fill == Fill::constant ? random_uniform(stream, 0, 0, 0) : uniform_of(words[0], words[1]);
  double magnitude = 0.0;
  switch (draw.fill) {
    case Fill::integers: {
      const double drawn =
          random_below(stream, 0, 0, element, static_cast<std::uint32_t>(2 * draw.radius + 1));
      const double whole = may_be_zero ? drawn - static_cast<double>(draw.radius) : drawn + 1;
      return std::ldexp(static_cast<double>(draw.multiple) * (!may_be_zero && negative ? -whole : whole),
                        draw.exponent);
    }
    case Fill::nans:
      if (const std::uint32_t which = random_below(stream, 3, 0, element, 8); may_be_zero && which < 2)
        return which == 0 ? std::numeric_limits<double>::quiet_NaN() : 0.0;
      magnitude = may_be_zero ? 2.0 * uniform : 0.5 + 1.5 * uniform;
      break;
    case Fill::ends: {
      const auto& ends = dtype == DType::f32 ? kEnds<float> : kEnds<double>;
      const std::uint32_t which = may_be_zero ? random_below(stream, 3, 0, element, 12) : 12;
      if (which < 6) return -ends[0];
      magnitude = which < 11 ? ends[which - 6] : 0.5 + 1.5 * uniform;
      break;
    }
    case Fill::zeros:
      // A moment is zero before the first step, and a variance where a channel is constant.
      if (input.domain != Domain::nonzero && random_below(stream, 3, 0, element, 4) == 0) break;
      [[fallthrough]];
    case Fill::full_mantissa:
    case Fill::constant:
      magnitude = may_be_zero ? 2.0 * uniform : 0.5 + 1.5 * uniform;
      break;
    case Fill::wide:
      magnitude = std::ldexp(1.0 + uniform, static_cast<int>(random_below(stream, 2, 0, element, 19)) - 12);
      break;
  }
  const double number = negative && draw.fill != Fill::constant ? -magnitude : magnitude;
  return draw.exponent == 0 ? number : std::ldexp(number, draw.exponent);
}

double number(const CaseInput& input, DType dtype, const Draw& draw, RandomStream stream,
              std::uint32_t element) {
  const auto below = [&](std::int64_t limit) {
    return static_cast<double>(random_below(stream, 0, 0, element, static_cast<std::uint32_t>(limit)));
  };
  switch (input.domain) {
    case Domain::index:
      return below(input.limit);
    case Domain::step:
      return 1 + below(input.limit);
    case Domain::mask:
      return below(2);
    case Domain::key:
      return static_cast<std::int32_t>(random_bits(stream, 0, 0, element)[0]);
    case Domain::real:
    case Domain::positive:
    case Domain::nonzero:
      break;
  }
  return real_number(input, dtype, draw, stream, element);
}

}  // namespace

Site OpSite::site() const {
  const std::int32_t nodes[] = {outputs.front().id().node};
  return make_site(graph, nodes).site;
}

DType dtype_of(const CaseInput& input, DType dtype) {
  switch (input.domain) {
    case Domain::index:
    case Domain::step:
    case Domain::key:
      return DType::i32;
    case Domain::mask:
      return DType::u8;
    case Domain::real:
    case Domain::positive:
    case Domain::nonzero:
      break;
  }
  return dtype;
}

OpSite make_op_site(const OpTable& ops, const OpDef& op, const Case& c, DType dtype) {
  OpSite result{Graph(ops), {}, {}, complete(op.fields, c.fields, "op '" + op.name + "'")};
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    result.inputs.push_back(
        result.graph.input(std::to_string(i), {dtype_of(c.inputs[i], dtype), c.inputs[i].shape}));
  }
  result.outputs = result.graph.apply_all(op.name, result.inputs, c.fields);
  return result;
}

Site ChainSite::site() const { return make_site(graph, nodes).site; }

namespace {

bool is_update(const OpDef& op) { return std::ranges::find(op.inputs, "g") != op.inputs.end(); }

// The operand that takes the value before an op in a chain: the gradient of an update, or the first.
std::size_t usual_place(const OpDef& op) {
  if (!is_update(op)) return 0;
  return static_cast<std::size_t>(std::ranges::find(op.inputs, "g") - op.inputs.begin());
}

}  // namespace

bool is_gradient(const OpDef& op) { return op.name.ends_with("_grad"); }

std::vector<std::size_t> other_places(const OpDef& op) {
  std::vector<std::size_t> places;
  const std::vector<CaseInput>& inputs = op.cases.front().inputs;
  const CaseInput& usual = inputs[usual_place(op)];
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (i != usual_place(op) && inputs[i].shape == usual.shape && inputs[i].domain == usual.domain)
      places.push_back(i);
  }
  return places;
}

bool shapes_the_chain(const OpTable& ops, const OpDef& first, const OpDef& behind) {
  if (first.cases.empty() || behind.cases.empty()) return false;
  const Case& usual = first.cases.front();
  const Shape kept = make_op_site(ops, first, usual, DType::f32).outputs.front().shape();
  const std::vector<CaseInput>& other = behind.cases.front().inputs;
  return std::ranges::all_of(usual.inputs, [&](const CaseInput& i) { return i.shape == kept; }) &&
         std::ranges::any_of(other, [&](const CaseInput& i) {
           return i.shape.rank() > 0 && !(i.shape == other[usual_place(behind)].shape);
         });
}

ChainCase chain_case(const OpDef& first, const OpDef& behind, const Case& last) {
  Case c{last.label, first.cases.front().inputs, first.cases.front().fields};
  for (CaseInput& input : c.inputs) input.shape = last.inputs[usual_place(behind)].shape;
  return {std::move(c), &last};
}

ChainSite make_chain_site(const OpTable& ops, const OpDef& first, const std::vector<std::string>& others,
                          const Case& c, DType dtype, const ChainVariant& variant) {
  OpSite head = make_op_site(ops, first, c, dtype);
  ChainSite chain{std::move(head.graph), {head.outputs.front().id().node}, c};
  for (const std::string& name : others) {
    const Value before = chain.graph.value({chain.nodes.back(), 0});
    const OpDef& op = ops.at(name);
    const bool last = chain.nodes.size() == others.size();
    const std::size_t place = last && variant.place ? *variant.place : usual_place(op);
    const bool other_settings = variant.other_settings && (op.activation || is_update(op));
    const Case* const own = last ? variant.last : nullptr;
    std::vector<Value> operands;
    for (std::size_t i = 0; i < op.inputs.size() && !op.inputs[i].ends_with('?'); ++i) {
      if (i == place) {
        operands.push_back(before);
        continue;
      }
      CaseInput input = own != nullptr ? own->inputs[i] : op.cases.front().inputs[i];
      // Of the shape of the value before it, if it has that of its place in the case; else a scalar.
      if (own == nullptr) {
        const bool alike = input.shape == op.cases.front().inputs[place].shape;
        input.shape = alike ? before.shape() : Shape{};
      }
      operands.push_back(chain.graph.input(std::to_string(chain.geometry.inputs.size()),
                                           {dtype_of(input, dtype), input.shape}));
      chain.geometry.inputs.push_back(std::move(input));
    }
    Fields settings = other_settings ? op.cases.back().fields : own != nullptr ? own->fields : Fields{};
    if (last && variant.settings) settings = *variant.settings;
    chain.nodes.push_back(chain.graph.apply(name, operands, settings).id().node);
  }
  return chain;
}

Tensor make_input(const Case& c, std::size_t i, DType dtype, const Draw& draw) {
  const RandomStream stream{draw.seed, static_cast<std::uint32_t>(i)};
  std::vector<double> values(static_cast<std::size_t>(c.inputs[i].shape.count()));
  for (std::size_t e = 0; e < values.size(); ++e) {
    values[e] = number(c.inputs[i], dtype, draw, stream, static_cast<std::uint32_t>(e));
  }
  return Tensor::of(dtype_of(c.inputs[i], dtype), c.inputs[i].shape, values);
}

std::vector<Tensor> make_inputs(const Case& c, DType dtype, const Draw& draw) {
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < c.inputs.size(); ++i) inputs.push_back(make_input(c, i, dtype, draw));
  return inputs;
}

std::vector<Tensor> convert_all(const std::vector<Tensor>& tensors, DType dtype) {
  std::vector<Tensor> converted;
  for (const Tensor& tensor : tensors) {
    converted.emplace_back(Spec{is_real(tensor.dtype()) ? dtype : tensor.dtype(), tensor.shape()});
    convert(tensor.view(), converted.back().view());
  }
  return converted;
}

Site with_dtype(const Site& site, DType dtype) {
  Site changed = site;
  const auto change = [dtype](Spec& spec) {
    if (is_real(spec.dtype)) spec.dtype = dtype;
  };
  for (Port& port : changed.inputs) {
    change(port.spec);
    port.layout = {};
  }
  for (Port& port : changed.outputs) {
    change(port.spec);
    port.layout = {};
  }
  for (SiteOp& op : changed.ops) {
    for (Spec& spec : op.inputs) change(spec);
    for (Spec& spec : op.outputs) change(spec);
  }
  return changed;
}

std::string shapes_of(const Site& site) {
  std::string text;
  for (const Port& port : site.inputs) text += (text.empty() ? "" : " ") + port.spec.to_string();
  return text;
}

}  // namespace assay::verify
