#include "assay/layers/initializer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "assay/layers/orthogonal.h"

namespace assay {
namespace {

// Elements of a parameter beyond these continue under the next sample index.
constexpr std::uint64_t kSampleElements = std::uint64_t{1} << 32;

double uniform_draw(RandomStream stream, std::size_t i) {
  return random_uniform(stream, 0, static_cast<std::uint32_t>(i / kSampleElements),
                        static_cast<std::uint32_t>(i));
}

void fill_uniform(RandomStream stream, double low, double high, std::span<double> out) {
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = low + (high - low) * uniform_draw(stream, i);
}
void fill_normal(RandomStream stream, double mean, double std, std::span<double> out) {
  for (std::uint64_t begin = 0; begin < out.size(); begin += kSampleElements) {
    random_normals(stream, 0, static_cast<std::uint32_t>(begin / kSampleElements), 0,
                   out.subspan(begin, std::min<std::uint64_t>(kSampleElements, out.size() - begin)));
  }
  for (double& x : out) x = mean + std * x;
}

// What the variance of a parameter is scaled by: gain / fans, so that signals keep their size through a
// layer.
enum class FanRule { in, both };

double variance(double gain, FanRule rule, Fans fans) {
  const double n = rule == FanRule::in ? static_cast<double>(fans.in)
                                       : 0.5 * (static_cast<double>(fans.in) + static_cast<double>(fans.out));
  return n > 0 ? gain / n : 0.0;
}

// U(−a, a) has variance a²/3.
InitializerDef scaled_uniform(std::string name, std::string summary, std::string formula, double gain,
                              FanRule rule) {
  InitializerDef def{.name = std::move(name), .summary = std::move(summary), .formula = std::move(formula)};
  def.fill = [gain, rule](const Initialization& init, std::span<double> out) {
    const double bound = std::sqrt(3.0 * variance(gain, rule, init.fans));
    fill_uniform(init.stream, -bound, bound, out);
  };
  return def;
}

InitializerDef scaled_normal(std::string name, std::string summary, std::string formula, double gain,
                             FanRule rule) {
  InitializerDef def{.name = std::move(name), .summary = std::move(summary), .formula = std::move(formula)};
  def.fill = [gain, rule](const Initialization& init, std::span<double> out) {
    fill_normal(init.stream, 0.0, std::sqrt(variance(gain, rule, init.fans)), out);
  };
  return def;
}

InitializerDef constant_fill(std::string name, double value) {
  InitializerDef def{.name = std::move(name),
                     .summary = fmt::format("every element {}", value),
                     .formula = fmt::format("w = {}", value)};
  def.fill = [value](const Initialization&, std::span<double> out) { std::ranges::fill(out, value); };
  return def;
}

InitializerDef constant() {
  InitializerDef def{.name = "constant", .summary = "every element the same", .formula = "w = value"};
  def.fields = {
      {.name = "value", .kind = FieldKind::number, .summary = "of every element", .required = true}};
  def.fill = [](const Initialization& init, std::span<double> out) {
    std::ranges::fill(out, init.fields.number("value"));
  };
  return def;
}

InitializerDef uniform() {
  InitializerDef def{
      .name = "uniform", .summary = "uniform between two numbers", .formula = "w ~ U(low, high)"};
  def.fields = {number_field("low", "smallest value", 0.0), number_field("high", "largest value", 1.0)};
  def.fill = [](const Initialization& init, std::span<double> out) {
    fill_uniform(init.stream, init.fields.number("low"), init.fields.number("high"), out);
  };
  return def;
}

InitializerDef normal() {
  InitializerDef def{.name = "normal", .summary = "normally distributed", .formula = "w ~ N(mean, std²)"};
  def.fields = {number_field("mean", "the mean", 0.0),
                number_field("std", "the standard deviation", 1.0, 0.0)};
  def.fill = [](const Initialization& init, std::span<double> out) {
    fill_normal(init.stream, init.fields.number("mean"), init.fields.number("std"), out);
  };
  return def;
}

InitializerDef orthogonal() {
  InitializerDef def{
      .name = "orthogonal",
      .summary =
          "orthonormal rows, or columns if there are fewer, of the matrix [axis 0, the other axes] "
          "(Saxe, McClelland and Ganguli 2014)",
      .formula = "W = gain · Q, with Q R = a matrix of N(0, 1) and diag R > 0"};
  def.fields = {number_field("gain", "length of the vectors", 1.0)};
  def.minimum_rank = 2;
  def.fill = [](const Initialization& init, std::span<double> out) {
    fill_normal(init.stream, 0.0, 1.0, out);
    const auto rows = static_cast<std::size_t>(init.shape[0]);
    if (!out.empty()) orthonormalize(out, rows, out.size() / rows);
    for (double& w : out) w *= init.fields.number("gain");
  };
  return def;
}

}  // namespace

InitializerConfig complete_initializer(const InitializerTable& table, const InitializerConfig& config,
                                       std::string_view parameter, const Shape& shape) {
  InitializerConfig complete_config = config;
  if (config.given) {
    if (config.given->shape == shape) return complete_config;
    Error error(fmt::format("the values given for '{}' have shape {}, but it is {}", parameter,
                            config.given->shape.to_string(), shape.to_string()));
    if (config.given->shape.rank() == 0)
      error.help(fmt::format("to fill it with one number: {{type: constant, value: {}}}",
                             config.given->values.front()));
    throw error;
  }
  const InitializerDef& def = table.at(config.type);
  if (shape.rank() < def.minimum_rank) {
    throw Error(fmt::format("initializer '{}' fills parameters of {} or more axes, but '{}' is {}", def.name,
                            def.minimum_rank, parameter, shape.to_string()));
  }
  complete_config.fields = complete(def.fields, config.fields, "initializer '" + def.name + "'");
  return complete_config;
}

Tensor initial_value(const InitializerTable& table, const InitializerConfig& config,
                     std::string_view parameter, const Shape& shape, Fans fans, std::uint64_t seed,
                     DType dtype) {
  if (config.given) return Tensor::of(dtype, shape, config.given->values);
  std::vector<double> values(static_cast<std::size_t>(shape.count()));
  const RandomStream stream{seed, stream_id("init/" + std::string(parameter))};
  table.at(config.type).fill({shape, fans, stream, config.fields}, values);
  return Tensor::of(dtype, shape, values);
}

void register_initializers(InitializerTable& table, const std::string& owner) {
  const auto add = [&](InitializerDef def) {
    const std::string name = def.name;
    table.add(name, std::move(def), owner);
  };
  add(constant());
  add(constant_fill("zeros", 0.0));
  add(constant_fill("ones", 1.0));
  add(uniform());
  add(normal());
  add(scaled_uniform("fan_in_uniform", "PyTorch's default: kaiming_uniform with a = √5",
                     "w ~ U(−1/√fan_in, 1/√fan_in)", 1.0 / 3.0, FanRule::in));
  add(scaled_uniform("glorot_uniform", "Glorot and Bengio 2010; for tanh and sigmoid",
                     "w ~ U(−a, a), a = √(6 / (fan_in + fan_out))", 1.0, FanRule::both));
  add(scaled_normal("glorot_normal", "Glorot and Bengio 2010; for tanh and sigmoid",
                    "w ~ N(0, 2 / (fan_in + fan_out))", 1.0, FanRule::both));
  add(scaled_uniform("he_uniform", "He et al. 2015; for relu", "w ~ U(−a, a), a = √(6 / fan_in)", 2.0,
                     FanRule::in));
  add(scaled_normal("he_normal", "He et al. 2015; for relu", "w ~ N(0, 2 / fan_in)", 2.0, FanRule::in));
  add(scaled_uniform("lecun_uniform", "LeCun et al. 1998; for selu", "w ~ U(−a, a), a = √(3 / fan_in)", 1.0,
                     FanRule::in));
  add(scaled_normal("lecun_normal", "LeCun et al. 1998; for selu", "w ~ N(0, 1 / fan_in)", 1.0, FanRule::in));
  add(orthogonal());
}

}  // namespace assay
