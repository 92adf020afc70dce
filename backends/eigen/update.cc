// Offers for the optimizers' updates. Inputs are w, g, the moments, the learning rate and perhaps the step;
// every output may be written over the value that it succeeds.
#include "backends/eigen/offers.h"

namespace assay::eigen {
namespace {

UpdateSettings settings_of(const Site& site) {
  const Fields& fields = site.fields();
  UpdateSettings s;
  const auto read = [&](std::string_view name, double& setting) {
    if (fields.find(name) != nullptr) setting = fields.number(name);
  };
  read("momentum", s.momentum);
  read("weight_decay", s.weight_decay);
  read("beta1", s.beta1);
  read("beta2", s.beta2);
  read("decay", s.decay);
  read("epsilon", s.epsilon);
  if (fields.find("nesterov") != nullptr) s.nesterov = fields.boolean("nesterov");
  s.decoupled = site.op().name == "adamw_update";
  return s;
}

// `run` takes the settings, the number of elements and the buffers.
template <class T, class Run>
Plan plan_update(const Site& site, const Kernels<T>& kernels, std::vector<InPlace> in_place, Run run) {
  Plan plan = make_plan(implementation("packet", kernels), [s = settings_of(site), n = site.output().count(),
                                                            run](const Io& io) { run(s, n, io); });
  plan.in_place = std::move(in_place);
  return plan;
}

template <class T>
Plan plan_sgd(const Site& site, const Kernels<T>& kernels) {
  return plan_update(site, kernels, {{0, 0}}, [&kernels](const UpdateSettings& s, Index n, const Io& io) {
    kernels.sgd(s, n, io.in<T>(0), io.in<T>(1), *io.in<T>(2), io.out<T>(0));
  });
}

template <class T>
Plan plan_sgd_momentum(const Site& site, const Kernels<T>& kernels) {
  return plan_update(site, kernels, {{0, 0}, {1, 2}},
                     [&kernels](const UpdateSettings& s, Index n, const Io& io) {
                       kernels.sgd_momentum(s, n, io.in<T>(0), io.in<T>(1), io.in<T>(2), *io.in<T>(3),
                                            io.out<T>(0), io.out<T>(1));
                     });
}

template <class T>
Plan plan_adam(const Site& site, const Kernels<T>& kernels) {
  return plan_update(site, kernels, {{0, 0}, {1, 2}, {2, 3}},
                     [&kernels](const UpdateSettings& s, Index n, const Io& io) {
                       kernels.adam(s, n, io.in<T>(0), io.in<T>(1), io.in<T>(2), io.in<T>(3), *io.in<T>(4),
                                    *io.in<std::int32_t>(5), io.out<T>(0), io.out<T>(1), io.out<T>(2));
                     });
}

template <class T>
Plan plan_rmsprop(const Site& site, const Kernels<T>& kernels) {
  return plan_update(site, kernels, {{0, 0}, {1, 2}},
                     [&kernels](const UpdateSettings& s, Index n, const Io& io) {
                       kernels.rmsprop(s, n, io.in<T>(0), io.in<T>(1), io.in<T>(2), *io.in<T>(3),
                                       io.out<T>(0), io.out<T>(1));
                     });
}

template <class T>
Plan plan_rmsprop_momentum(const Site& site, const Kernels<T>& kernels) {
  return plan_update(site, kernels, {{0, 0}, {1, 2}, {2, 3}},
                     [&kernels](const UpdateSettings& s, Index n, const Io& io) {
                       kernels.rmsprop_momentum(s, n, io.in<T>(0), io.in<T>(1), io.in<T>(2), io.in<T>(3),
                                                *io.in<T>(4), io.out<T>(0), io.out<T>(1), io.out<T>(2));
                     });
}

}  // namespace

void add_update_kernels(KernelTable& kernels, std::string_view owner) {
  const auto add = [&](std::string_view op, auto plan) { kernels.add(op, for_f32_and_f64(plan), owner); };
  add("sgd_update", []<class T>(const Site& s, const Kernels<T>& k) { return plan_sgd(s, k); });
  add("sgd_momentum_update",
      []<class T>(const Site& s, const Kernels<T>& k) { return plan_sgd_momentum(s, k); });
  add("adam_update", []<class T>(const Site& s, const Kernels<T>& k) { return plan_adam(s, k); });
  add("adamw_update", []<class T>(const Site& s, const Kernels<T>& k) { return plan_adam(s, k); });
  add("rmsprop_update", []<class T>(const Site& s, const Kernels<T>& k) { return plan_rmsprop(s, k); });
  add("rmsprop_momentum_update",
      []<class T>(const Site& s, const Kernels<T>& k) { return plan_rmsprop_momentum(s, k); });
}

}  // namespace assay::eigen
