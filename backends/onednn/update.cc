// The optimizers' updates, by loops of our own (isa/update.cc): the library has no primitive that reads a
// learning rate at run time. A weight, its gradient and its moments lie as the weight lies.
#include <cmath>

#include "backends/onednn/elementwise.h"
#include "backends/onednn/isa/loops.h"

namespace assay::onednn {
namespace {

// Where the weight lies. Without an epsilon, the padding of a blocked layout would become 0/0.
Port weight_port(const Context& context, const Site& site) {
  const FieldValue* epsilon = site.fields().find("epsilon");
  const bool divides_by_zero = epsilon != nullptr && std::get<double>(*epsilon) == 0.0;
  const bool own = context.layouts.find(site.inputs[0].layout) != nullptr && !divides_by_zero;
  return {site.input(0), own ? site.inputs[0].layout : Layout{}, false};
}

// Elements of the weight's buffer, padding included.
std::int64_t elements(const Context& context, const Site& site) {
  return static_cast<std::int64_t>(context.layouts.desc_of(weight_port(context, site)).get_size() /
                                   sizeof(float));
}

float number(const Site& site, std::string_view field) {
  return static_cast<float>(site.fields().number(field));
}

float one_minus(const Site& site, std::string_view field) {
  return static_cast<float>(1.0 - site.fields().number(field));
}

// A plan whose operands of the weight's shape lie as the weight does, and whose results may be written over
// what they succeed: the weight first, then each moment.
template <class F>
Offer in_place_plan(const Context& context, const Site& site, F function) {
  Plan plan = make_plan("onednn." + site.op().name + ".loop", std::move(function));
  lie_in(plan, site, weight_port(context, site).layout);
  plan.in_place = {{0, 0}};
  for (int moment = 1; moment < static_cast<int>(site.outputs.size()); ++moment) {
    plan.in_place.push_back({moment, moment + 1});
  }
  return plan;
}

Offer offer_sgd(const Context& context, const Site& site) {
  const SgdUpdate update{.count = elements(context, site),
                         .weight_decay = number(site, "weight_decay"),
                         .threads = context.threads};
  return in_place_plan(context, site, [update, run = loops().sgd](const Io& io) {
    run(update, io.in<float>(0), io.in<float>(1), *io.in<float>(2), io.out<float>(0));
  });
}

Offer offer_sgd_momentum(const Context& context, const Site& site) {
  const SgdUpdate update{.count = elements(context, site),
                         .weight_decay = number(site, "weight_decay"),
                         .momentum = number(site, "momentum"),
                         .nesterov = site.fields().boolean("nesterov"),
                         .threads = context.threads};
  return in_place_plan(context, site, [update, run = loops().sgd_momentum](const Io& io) {
    run(update, io.in<float>(0), io.in<float>(1), io.in<float>(2), *io.in<float>(3), io.out<float>(0),
        io.out<float>(1));
  });
}

Offer offer_adam(const Context& context, const Site& site) {
  const AdamUpdate update{.count = elements(context, site),
                          .weight_decay = number(site, "weight_decay"),
                          .beta1 = number(site, "beta1"),
                          .beta2 = number(site, "beta2"),
                          .take1 = one_minus(site, "beta1"),
                          .take2 = one_minus(site, "beta2"),
                          .log_beta1 = std::log(site.fields().number("beta1")),
                          .log_beta2 = std::log(site.fields().number("beta2")),
                          .epsilon = number(site, "epsilon"),
                          .decoupled = site.op().name == "adamw_update",
                          .threads = context.threads};
  return in_place_plan(context, site, [update, run = loops().adam](const Io& io) {
    run(update, io.in<float>(0), io.in<float>(1), io.in<float>(2), io.in<float>(3), *io.in<float>(4),
        *io.in<std::int32_t>(5), io.out<float>(0), io.out<float>(1), io.out<float>(2));
  });
}

RmspropUpdate rmsprop_of(const Context& context, const Site& site) {
  return {.count = elements(context, site),
          .weight_decay = number(site, "weight_decay"),
          .decay = number(site, "decay"),
          .take = one_minus(site, "decay"),
          .epsilon = number(site, "epsilon"),
          .threads = context.threads};
}

Offer offer_rmsprop(const Context& context, const Site& site) {
  return in_place_plan(context, site,
                       [update = rmsprop_of(context, site), run = loops().rmsprop](const Io& io) {
                         run(update, io.in<float>(0), io.in<float>(1), io.in<float>(2), *io.in<float>(3),
                             io.out<float>(0), io.out<float>(1));
                       });
}

Offer offer_rmsprop_momentum(const Context& context, const Site& site) {
  RmspropUpdate update = rmsprop_of(context, site);
  update.momentum = number(site, "momentum");
  return in_place_plan(context, site, [update, run = loops().rmsprop_momentum](const Io& io) {
    run(update, io.in<float>(0), io.in<float>(1), io.in<float>(2), io.in<float>(3), *io.in<float>(4),
        io.out<float>(0), io.out<float>(1), io.out<float>(2));
  });
}

}  // namespace

void add_update_kernels(KernelTable& kernels, Context& context) {
  const auto add = [&](std::string_view op, Offer (*offer)(const Context&, const Site&)) {
    kernels.add(
        op, [&context, offer](const Site& site) { return offer(context, site); }, "onednn");
  };
  add("sgd_update", offer_sgd);
  add("sgd_momentum_update", offer_sgd_momentum);
  add("adam_update", offer_adam);
  add("adamw_update", offer_adam);
  add("rmsprop_update", offer_rmsprop);
  add("rmsprop_momentum_update", offer_rmsprop_momentum);
}

}  // namespace assay::onednn
