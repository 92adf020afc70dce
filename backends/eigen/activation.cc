// Offers for the unary ops, the activations and their gradients.
#include <iterator>

#include "backends/eigen/accuracy.h"
#include "backends/eigen/offers.h"

namespace assay::eigen {
namespace {

struct UnaryName {
  std::string_view op;
  Unary function;
  std::string_view parameter = {};  ///< the field that holds it
};
constexpr UnaryName kUnary[] = {
    {"neg", Unary::neg},
    {"exp", Unary::exp},
    {"log", Unary::log},
    {"sqrt", Unary::sqrt},
    {"abs", Unary::abs},
    {"sign", Unary::sign},
    {"identity", Unary::identity},
    {"sigmoid", Unary::sigmoid},
    {"relu", Unary::relu},
    {"tanh", Unary::tanh},
    {"leaky_relu", Unary::leaky_relu, "slope"},
    {"elu", Unary::elu, "alpha"},
    {"selu", Unary::selu},
    {"softplus", Unary::softplus},
    {"silu", Unary::silu},
    {"gelu", Unary::gelu_tanh},
    {"hard_sigmoid", Unary::hard_sigmoid},
    {"hard_swish", Unary::hard_swish},
};

struct GradientName {
  std::string_view op;
  Gradient function;
  std::string_view parameter = {};
};
constexpr GradientName kGradients[] = {
    {"sigmoid_grad", Gradient::sigmoid},
    {"relu_grad", Gradient::relu},
    {"tanh_grad", Gradient::tanh},
    {"leaky_relu_grad", Gradient::leaky_relu, "slope"},
    {"elu_grad", Gradient::elu, "alpha"},
    {"selu_grad", Gradient::selu},
    {"softplus_grad", Gradient::softplus},
    {"silu_grad", Gradient::silu},
    {"gelu_grad", Gradient::gelu_tanh},
    {"hard_sigmoid_grad", Gradient::hard_sigmoid},
    {"hard_swish_grad", Gradient::hard_swish},
};

// The same for both tables: the row of an op, its parameter read from the fields.
template <class Name>
struct Chosen {
  const Name* row = nullptr;
  double parameter = 0.0;
};
template <class Name, std::size_t n>
std::variant<Chosen<Name>, Refusal> choose(const Name (&table)[n], std::string_view op,
                                           const Fields& fields) {
  if (op.starts_with("gelu") && fields.text("form") == "erf") {
    return Refusal{"form erf: Eigen's erf loses the left tail of gelu (form tanh is native)"};
  }
  for (const Name& row : table) {
    if (row.op == op) return Chosen<Name>{&row, row.parameter.empty() ? 0.0 : fields.number(row.parameter)};
  }
  return Refusal{"no vectorised function for '" + std::string(op) + "'"};
}

template <class T>
Offer offer_unary(const Site& site, const Kernels<T>& kernels) {
  const auto choice = choose_unary(site.op().name, site.fields());
  if (const auto* refusal = std::get_if<Refusal>(&choice)) return *refusal;
  const auto& chosen = std::get<UnaryChoice>(choice);
  Plan plan = make_plan(implementation("packet", kernels),
                        [run = kernels.unary[static_cast<int>(chosen.function)], n = site.output().count(),
                         parameter = static_cast<T>(chosen.parameter)](const Io& io) {
                          run(io.in<T>(0), io.out<T>(0), n, parameter);
                        });
  plan.in_place = {{0, 0}};
  plan.accuracy = accuracy_of(site.op().name, site.output().dtype);
  return plan;
}

template <class T>
Offer offer_gradient(const Site& site, const Kernels<T>& kernels) {
  const auto choice = choose(kGradients, site.op().name, site.fields());
  if (const auto* refusal = std::get_if<Refusal>(&choice)) return *refusal;
  const auto& chosen = std::get<Chosen<GradientName>>(choice);
  Plan plan = make_plan(implementation("packet", kernels),
                        [run = kernels.gradient[static_cast<int>(chosen.row->function)],
                         n = site.output().count(), parameter = static_cast<T>(chosen.parameter)](
                            const Io& io) { run(io.in<T>(0), io.in<T>(1), io.out<T>(0), n, parameter); });
  plan.in_place = {{0, 0}, {0, 1}};
  plan.accuracy = accuracy_of(site.op().name, site.output().dtype);
  return plan;
}

// The tail of kUnary that are activations of a layer.
constexpr std::string_view kFusible[] = {"relu",     "sigmoid", "tanh", "leaky_relu",   "elu",       "selu",
                                         "softplus", "silu",    "gelu", "hard_sigmoid", "hard_swish"};

}  // namespace

std::variant<UnaryChoice, Refusal> choose_unary(std::string_view op, const Fields& fields) {
  const auto choice = choose(kUnary, op, fields);
  if (const auto* refusal = std::get_if<Refusal>(&choice)) return *refusal;
  const auto& chosen = std::get<Chosen<UnaryName>>(choice);
  return UnaryChoice{chosen.row->function, chosen.parameter};
}

std::span<const std::string_view> fusible_activations() { return kFusible; }

void describe_fusion(const Site& site, Plan& plan) {
  if (site.ops.size() == 1) return;
  const std::string& activation = site.ops.back().op->name;
  plan.implementation += "+" + activation;
  plan.accuracy = accuracy_of(activation, site.output().dtype);
}

void add_activation_kernels(KernelTable& kernels, std::string_view owner) {
  for (const UnaryName& row : kUnary) {
    kernels.add(row.op, for_f32_and_f64([]<class T>(const Site& s, const Kernels<T>& k) {
                  return offer_unary(s, k);
                }),
                owner);
  }
  for (const GradientName& row : kGradients) {
    kernels.add(row.op, for_f32_and_f64([]<class T>(const Site& s, const Kernels<T>& k) {
                  return offer_gradient(s, k);
                }),
                owner);
  }
}

}  // namespace assay::eigen
