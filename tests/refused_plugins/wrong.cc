// Loads, and is wrong: an op whose derivative rule is not its derivative, an op without any, and a kernel of
// a backend that computes something else.
#include <assay/plugin.h>

using namespace assay;

namespace {

// y = x², whose derivative is said to be `rule`.
void add_square(Registry& registry, const std::string& name, DerivativeRule rule) {
  OpDef op;
  op.name = name;
  op.formula = "y = x²";
  op.inputs = {"x"};
  op.outputs = {"y"};
  op.infer = [](const Call& call) -> std::vector<Spec> { return {call.inputs[0]}; };
  op.derivative = std::move(rule);
  op.cases = {{"five", {{Shape{5}}}}, {"matrix", {{Shape{2, 3}}}}};
  op.polynomial = true;
  registry.add_op(op);
  registry.add_kernel("reference", name, for_every_scalar<Scalars::all>([]<class T>(const Site& site) {
                        return [n = site.input(0).count()](const Io& io) {
                          for (std::int64_t i = 0; i < n; ++i)
                            io.out<T>(0)[i] = io.in<T>(0)[i] * io.in<T>(0)[i];
                        };
                      }));
  LayerDef layer;
  layer.name = name;
  layer.summary = op.formula;
  layer.build = [name](LayerBuilder& builder) { return builder.graph().apply(name, {builder.input()}); };
  registry.add_layer(layer);
}

}  // namespace

ASSAY_PLUGIN("wrong", "0.1", registry) {
  add_square(registry, "wrong_rule", [](Vjp& d) { d.add(0, mul(d.cotangent(), scale(d.input(0), 3))); });
  add_square(registry, "no_rule", {});
  registry.add_kernel("eigen", "neg", [](const Site& site) -> Offer {
    if (site.input(0).dtype != DType::f32) return Refusal{"wrong: f32 alone"};
    return make_plan("wrong.neg", [n = site.input(0).count()](const Io& io) {
      for (std::int64_t i = 0; i < n; ++i)
        io.out<float>(0)[i] = i == 3 ? io.in<float>(0)[i] : -io.in<float>(0)[i];
    });
  });
}
