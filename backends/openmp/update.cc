// Offers for the optimizers' updates. Inputs are w, g, the moments, the learning rate and perhaps the step;
// every output may be written over the value that it succeeds.
#include <cmath>

#include "backends/openmp/offers.h"

namespace assay::openmp {
namespace {

// `run` takes the buffers.
template <class T, class Run>
Plan plan_update(const Site& site, const Target<T>& target, Run run) {
  Plan plan = make_plan(target.implementation("lanes"), std::move(run));
  plan.in_place = {{0, 0}};
  for (int moment = 1; moment < static_cast<int>(site.outputs.size()); ++moment) {
    plan.in_place.push_back({moment, moment + 1});
  }
  return plan;
}

template <class T>
T number(const Site& site, std::string_view field) {
  return static_cast<T>(site.fields().number(field));
}

// 1 − β, formed before it is rounded: a float's 0.999 would be off by 10⁻⁵ of it.
template <class T>
T rest(const Site& site, std::string_view field) {
  return static_cast<T>(1.0 - site.fields().number(field));
}

// 1 − βᵗ = −(e^{t log β} − 1), which keeps its accuracy where βᵗ is close to 1.
double one_minus_power(double beta, std::int32_t step) {
  if (beta == 0.0) return 1.0;
  return static_cast<double>(
      -std::expm1(static_cast<long double>(step) * std::log(static_cast<long double>(beta))));
}

template <class T>
Plan plan_sgd(const Site& site, const Target<T>& target) {
  const SgdUpdate<T> settings{.weight_decay = number<T>(site, "weight_decay")};
  return plan_update(site, target,
                     [settings, run = target.kernels.sgd, n = site.output().count(),
                      threads = target.threads](const Io& io) {
                       SgdUpdate<T> s = settings;
                       s.learning_rate = *io.in<T>(2);
                       run(s, n, io.in<T>(0), io.in<T>(1), io.out<T>(0), threads);
                     });
}

template <class T>
Plan plan_sgd_momentum(const Site& site, const Target<T>& target) {
  const SgdUpdate<T> settings{.weight_decay = number<T>(site, "weight_decay"),
                              .momentum = number<T>(site, "momentum"),
                              .nesterov = site.fields().boolean("nesterov")};
  return plan_update(site, target,
                     [settings, run = target.kernels.sgd_momentum, n = site.output().count(),
                      threads = target.threads](const Io& io) {
                       SgdUpdate<T> s = settings;
                       s.learning_rate = *io.in<T>(3);
                       run(s, n, io.in<T>(0), io.in<T>(1), io.in<T>(2), io.out<T>(0), io.out<T>(1), threads);
                     });
}

template <class T>
Plan plan_adam(const Site& site, const Target<T>& target, bool decoupled) {
  const AdamUpdate<T> settings{.weight_decay = number<T>(site, "weight_decay"),
                               .keep1 = number<T>(site, "beta1"),
                               .take1 = rest<T>(site, "beta1"),
                               .keep2 = number<T>(site, "beta2"),
                               .take2 = rest<T>(site, "beta2"),
                               .epsilon = number<T>(site, "epsilon"),
                               .decoupled = decoupled};
  const double beta1 = site.fields().number("beta1"), beta2 = site.fields().number("beta2");
  return plan_update(
      site, target,
      [settings, beta1, beta2, run = target.kernels.adam, n = site.output().count(),
       threads = target.threads](const Io& io) {
        const std::int32_t step = *io.in<std::int32_t>(5);
        AdamUpdate<T> s = settings;
        s.learning_rate = *io.in<T>(4);
        s.step_rate = static_cast<T>(static_cast<double>(s.learning_rate) / one_minus_power(beta1, step));
        s.correction = static_cast<T>(1.0 / one_minus_power(beta2, step));
        run(s, n, io.in<T>(0), io.in<T>(1), io.in<T>(2), io.in<T>(3), io.out<T>(0), io.out<T>(1),
            io.out<T>(2), threads);
      });
}

template <class T>
RmspropUpdate<T> rmsprop_settings(const Site& site) {
  return {.weight_decay = number<T>(site, "weight_decay"),
          .keep = number<T>(site, "decay"),
          .take = rest<T>(site, "decay"),
          .epsilon = number<T>(site, "epsilon")};
}

template <class T>
Plan plan_rmsprop(const Site& site, const Target<T>& target) {
  return plan_update(site, target,
                     [settings = rmsprop_settings<T>(site), run = target.kernels.rmsprop,
                      n = site.output().count(), threads = target.threads](const Io& io) {
                       RmspropUpdate<T> s = settings;
                       s.learning_rate = *io.in<T>(3);
                       run(s, n, io.in<T>(0), io.in<T>(1), io.in<T>(2), io.out<T>(0), io.out<T>(1), threads);
                     });
}

template <class T>
Plan plan_rmsprop_momentum(const Site& site, const Target<T>& target) {
  RmspropUpdate<T> settings = rmsprop_settings<T>(site);
  settings.momentum = number<T>(site, "momentum");
  return plan_update(site, target,
                     [settings, run = target.kernels.rmsprop_momentum, n = site.output().count(),
                      threads = target.threads](const Io& io) {
                       RmspropUpdate<T> s = settings;
                       s.learning_rate = *io.in<T>(4);
                       run(s, n, io.in<T>(0), io.in<T>(1), io.in<T>(2), io.in<T>(3), io.out<T>(0),
                           io.out<T>(1), io.out<T>(2), threads);
                     });
}

}  // namespace

void add_update_offers(Offers& offers) {
  offers.add("sgd_update", []<class T>(const Site& s, const Target<T>& t) { return plan_sgd(s, t); });
  offers.add("sgd_momentum_update",
             []<class T>(const Site& s, const Target<T>& t) { return plan_sgd_momentum(s, t); });
  offers.add("adam_update",
             []<class T>(const Site& s, const Target<T>& t) { return plan_adam(s, t, false); });
  offers.add("adamw_update",
             []<class T>(const Site& s, const Target<T>& t) { return plan_adam(s, t, true); });
  offers.add("rmsprop_update", []<class T>(const Site& s, const Target<T>& t) { return plan_rmsprop(s, t); });
  offers.add("rmsprop_momentum_update",
             []<class T>(const Site& s, const Target<T>& t) { return plan_rmsprop_momentum(s, t); });
}

}  // namespace assay::openmp
