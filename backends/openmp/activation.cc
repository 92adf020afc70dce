// Offers for the activations and their gradients, and what a fused activation is.
#include "backends/openmp/accuracy.h"
#include "backends/openmp/offers.h"

namespace assay::openmp {
namespace {

struct ActivationName {
  std::string_view op;
  ActivationKind kind;
  std::string_view parameter = {};  ///< the field that holds it
};
// The identity stands first, apart from what may be fused; gelu is the kind of its form by tanh.
constexpr ActivationName kActivations[] = {
    {"identity", ActivationKind::identity},
    {"relu", ActivationKind::relu},
    {"sigmoid", ActivationKind::sigmoid},
    {"tanh", ActivationKind::tanh},
    {"leaky_relu", ActivationKind::leaky_relu, "slope"},
    {"elu", ActivationKind::elu, "alpha"},
    {"selu", ActivationKind::selu},
    {"softplus", ActivationKind::softplus},
    {"silu", ActivationKind::silu},
    {"gelu", ActivationKind::gelu_tanh},
    {"hard_sigmoid", ActivationKind::hard_sigmoid},
    {"hard_swish", ActivationKind::hard_swish},
};
constexpr std::string_view kFusible[] = {"relu",     "sigmoid", "tanh", "leaky_relu",   "elu",       "selu",
                                         "softplus", "silu",    "gelu", "hard_sigmoid", "hard_swish"};
static_assert(std::size(kFusible) + 1 == std::size(kActivations));

std::string_view form_of(std::string_view op, const Fields& fields) {
  return op.starts_with("gelu") ? std::string_view(fields.text("form")) : std::string_view();
}

Accuracy accuracy(std::string_view op, const Fields& fields, DType dtype) {
  return accuracy_of(op, form_of(op, fields), dtype);
}

template <class T>
Plan plan_activation(const Site& site, const Target<T>& target, const Activation& activation) {
  Plan plan = make_plan(
      target.implementation("lanes"),
      [run = target.kernels.activation[static_cast<int>(activation.kind)], parameter = activation.parameter,
       n = site.output().count(),
       threads = target.threads](const Io& io) { run(parameter, io.in<T>(0), io.out<T>(0), n, threads); });
  plan.in_place = {{0, 0}};
  plan.accuracy = accuracy(site.op().name, site.fields(), site.output().dtype);
  return plan;
}

template <class T>
Offer plan_gradient(const Site& site, const Target<T>& target, const Activation& activation) {
  if (site.ops.size() > 1) return Refusal{"another op behind the gradient of an activation"};
  Plan plan =
      make_plan(target.implementation("lanes"),
                [run = target.kernels.activation_grad[static_cast<int>(activation.kind)],
                 parameter = activation.parameter, n = site.output().count(), threads = target.threads](
                    const Io& io) { run(parameter, io.in<T>(0), io.in<T>(1), io.out<T>(0), n, threads); });
  plan.in_place = {{0, 0}, {0, 1}};
  plan.accuracy = accuracy(site.op().name, site.fields(), site.output().dtype);
  return plan;
}

}  // namespace

std::optional<Activation> activation_of(std::string_view op, const Fields& fields) {
  for (const ActivationName& row : kActivations) {
    if (row.op != op) continue;
    if (form_of(op, fields) == "erf") return Activation{ActivationKind::gelu_erf};
    return Activation{row.kind, row.parameter.empty() ? 0.0 : fields.number(row.parameter)};
  }
  return std::nullopt;
}

std::span<const std::string_view> fusible_activations() { return kFusible; }

Activation fused_activation(const Site& site) {
  if (site.ops.size() == 1) return {};
  const SiteOp& last = site.ops.back();
  return activation_of(last.op->name, *last.fields).value();
}

void describe_fusion(const Site& site, Plan& plan) {
  if (site.ops.size() == 1) return;
  const SiteOp& last = site.ops.back();
  plan.implementation += "+" + last.op->name;
  plan.accuracy = accuracy(last.op->name, *last.fields, site.output().dtype);
}

void add_activation_offers(Offers& offers) {
  for (const ActivationName& row : kActivations) {
    offers.add(row.op, [op = row.op]<class T>(const Site& s, const Target<T>& t) {
      return plan_activation(s, t, activation_of(op, s.fields()).value());
    });
    if (row.kind == ActivationKind::identity) continue;
    offers.add(std::string(row.op) + "_grad", [op = row.op]<class T>(const Site& s, const Target<T>& t) {
      return plan_gradient(s, t, activation_of(op, s.fields()).value());
    });
  }
}

}  // namespace assay::openmp
