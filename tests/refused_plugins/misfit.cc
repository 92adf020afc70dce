// Loads, and does not hold to what it is asked for: each op is at odds with the program in another way, which
// must be told of that op alone.
#include <assay/plugin.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

using namespace assay;

namespace {

OpDef square(const std::string& name, DerivativeRule rule) {
  OpDef op;
  op.name = name;
  op.formula = "y = x²";
  op.inputs = {"x"};
  op.outputs = {"y"};
  op.infer = [](const Call& call) -> std::vector<Spec> {
    if (call.inputs[0].shape.rank() > 2) throw Error("x has too many axes");
    return {call.inputs[0]};
  };
  op.derivative = std::move(rule);
  op.cases = {{"five", {{Shape{5}}}}};
  return op;
}

void right_rule(Vjp& d) { d.add(0, mul(d.cotangent(), scale(d.input(0), 2))); }

void put(Registry& registry, OpDef op) {
  registry.add_kernel("reference", op.name, for_every_scalar([]<class T>(const Site& site) {
                        return [n = site.input(0).count()](const Io& io) {
                          for (std::int64_t i = 0; i < n; ++i)
                            io.out<T>(0)[i] = io.in<T>(0)[i] * io.in<T>(0)[i];
                        };
                      }));
  registry.add_op(std::move(op));
}

// With a kernel for eigen that this offer is for.
void put(Registry& registry, const std::string& name, const OfferRule& offer) {
  put(registry, square(name, right_rule));
  registry.add_kernel("eigen", name, offer);
}

LayerDef layer(const std::string& name, std::function<Value(LayerBuilder&)> build) {
  LayerDef def;
  def.name = name;
  def.build = std::move(build);
  return def;
}

}  // namespace

ASSAY_PLUGIN("misfit", "0.1", registry) {
  put(registry, square("right", right_rule));
  put(registry, square("wrong_index", [](Vjp& d) { d.add(7, d.cotangent()); }));
  put(registry, square("no_value", [](Vjp& d) { d.add(0, Value()); }));
  put(registry, square("throwing_rule", [](Vjp&) { throw std::runtime_error("out of luck"); }));
  OpDef refused_case = square("refused_case", right_rule);
  refused_case.cases = {{"cube", {{Shape{2, 2, 2}}}}};
  put(registry, refused_case);
  OpDef no_spec = square("no_spec", right_rule);
  no_spec.infer = [](const Call&) -> std::vector<Spec> { return {}; };
  put(registry, no_spec);

  put(registry, "throwing_offer", [](const Site&) -> Offer { throw 42; });
  put(registry, "plan_without_kernel",
      [](const Site&) -> Offer { return Plan{.implementation = "x", .bind = {}}; });
  put(registry, "null_kernel", [](const Site&) -> Offer {
    return Plan{.implementation = "x", .bind = []() -> KernelPtr { return nullptr; }};
  });
  put(registry, "too_many_layouts", [](const Site&) -> Offer {
    Plan plan = make_plan("x", [](const Io&) {});
    plan.inputs = {Layout{}, Layout{}};
    return plan;
  });
  put(registry, "throwing_kernel", [](const Site&) -> Offer {
    return make_plan("misfit.x", [](const Io&) { throw std::runtime_error("out of order"); });
  });
  put(registry, "crash",
      [](const Site&) -> Offer { return make_plan("x", [](const Io&) { std::abort(); }); });
  put(registry, "exit", [](const Site&) -> Offer {
    return make_plan("x", [](const Io&) {
      std::atexit([] { std::puts("a handler ran"); });
      std::exit(0);
    });
  });
  put(registry, "hang", [](const Site&) -> Offer {
    return make_plan("x", [](const Io&) {
      for (volatile int i = 0;;) i = 1 - i;
    });
  });

  registry.add_layer(layer("valueless", [](LayerBuilder&) { return Value(); }));
  registry.add_layer(layer("throwing", [](LayerBuilder&) -> Value { throw std::out_of_range("at"); }));
  registry.add_layer(
      layer("unlucky", [](LayerBuilder& b) { return b.graph().apply("throwing_kernel", {b.input()}); }));
  registry.add_optimizer({.name = "idle",
                          .summary = "",
                          .formula = "",
                          .fields = optimizer_fields(0.1, {}),
                          .update = [](UpdateBuilder&) {}});
  registry.add_backend({.name = "misnamed", .summary = "", .create = [](const BackendContext& context) {
                          return context.create("reference");
                        }});
}
