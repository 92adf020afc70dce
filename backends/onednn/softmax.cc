// Softmax, its derivatives by the output, and softmax with cross-entropy on top of it.
#include <cmath>
#include <limits>

#include "backends/onednn/accuracy.h"
#include "backends/onednn/context.h"
#include "backends/onednn/isa/loops.h"
#include "backends/onednn/sequence.h"

namespace assay::onednn {
namespace {

// [before, axis, after] around the axis of the site.
MemoryDesc around_axis(const Site& site, int& axis) {
  const Shape& x = site.input(0).shape;
  const auto field = static_cast<int>(site.fields().integer("axis"));
  const int at = field < 0 ? field + x.rank() : field;
  const dnnl::memory::dim before = x.count(0, at), after = x.count(at + 1, x.rank());
  axis = 1;
  return after == 1 ? row_major({before, x[at]}) : row_major({before, x[at], after});
}

void promise_exponential(Offer& offer) {
  if (Plan* plan = std::get_if<Plan>(&offer)) {
    plan->accuracy.ulp = kExpUlp;
    plan->accuracy.absolute = kExpAbsolute;
  }
}

std::optional<Refusal> refuse_exponential() {
  if (has_fused_multiply_add()) return std::nullopt;
  return Refusal{"without fused multiply-add (AVX2) oneDNN's exponential is off by 68 ulp"};
}

// The plan's kernel, and then after(io).
template <class After>
void run_behind(Plan& plan, const After& after) {
  plan.bind = [after, bind = plan.bind]() -> KernelPtr {
    return make_kernel([after, before = std::shared_ptr<const Kernel>(bind())](const Io& io) {
      before->run(io);
      after(io);
    });
  };
}

// The lines along the axis of `desc`, as around_axis() makes it.
Lines lines_of(const Context& context, const MemoryDesc& desc) {
  const Dims dims = desc.dims();
  return {dims[0], dims[1], dims.size() == 3 ? dims[2] : 1, context.threads};
}

Offer offer_softmax(const Context& context, const Site& site) {
  if (auto refusal = refuse_exponential()) return *refusal;
  int axis = 0;
  const MemoryDesc desc = around_axis(site, axis);
  Sequence sequence(context);
  sequence.add(softmax(context.engine, false, desc, axis),
               {{DNNL_ARG_SRC, Buffer::input(0)}, {DNNL_ARG_DST, Buffer::output(0)}});
  Offer offer = sequence.plan("softmax");
  promise_exponential(offer);
  // Not in place: x is looked at once more.
  if (Plan* plan = std::get_if<Plan>(&offer))
    run_behind(*plan, [lines = lines_of(context, desc), spread = loops().spread_nans](const Io& io) {
      spread(lines, io.in<float>(0), io.out<float>(0));
    });
  return offer;
}

Offer offer_softmax_grad(const Context& context, const Site& site, bool logarithm) {
  if (auto refusal = refuse_exponential(); refusal && logarithm) return *refusal;
  int axis = 0;
  const MemoryDesc desc = around_axis(site, axis);
  Sequence sequence(context);
  sequence.add(softmax_backward(context.engine, logarithm, desc, axis),
               {{DNNL_ARG_DIFF_DST, Buffer::input(0)},
                {DNNL_ARG_DST, Buffer::input(1)},
                {DNNL_ARG_DIFF_SRC, Buffer::output(0)}});
  Offer offer = sequence.plan(site.op().name);
  if (logarithm) promise_exponential(offer);
  if (Plan* plan = std::get_if<Plan>(&offer)) plan->in_place = {{0, 0}};
  return offer;
}

// −1/B Σ_b Σ_k q_bk log p_bk from the logits x and the probabilities p of the primitive. With m = max x,
// log p_k = (x_k − m) + log p_m, because p_m = 1/Σ e^{x_k − m}: p_m is at least 1/K, so that its logarithm is
// safe where that of p_k is not.
float mean_cross_entropy(const float* x, const float* p, const std::int32_t* labels, std::int64_t rows,
                         std::int64_t classes, float smoothing) {
  float total = 0.0f;
  for (std::int64_t b = 0; b < rows; ++b, x += classes, p += classes) {
    std::int64_t best = 0;
    for (std::int64_t k = 1; k < classes; ++k) best = x[k] > x[best] ? k : best;
    const float log_largest = std::log(p[best]);
    const bool known = labels[b] >= 0 && labels[b] < classes;
    const float label_term =
        known ? (x[labels[b]] - x[best]) + log_largest : std::numeric_limits<float>::quiet_NaN();
    float row = (1.0f - smoothing) * label_term;
    if (smoothing > 0.0f) {
      float logs = 0.0f;
      for (std::int64_t k = 0; k < classes; ++k) logs += (x[k] - x[best]) + log_largest;
      row += smoothing * logs / static_cast<float>(classes);
    }
    total -= row;
  }
  return total / static_cast<float>(rows);
}

Offer offer_cross_entropy(const Context& context, const Site& site) {
  if (auto refusal = refuse_exponential()) return *refusal;
  const std::int64_t rows = site.input(0).shape[0], classes = site.input(0).shape[1];
  const auto smoothing = static_cast<float>(site.fields().number("label_smoothing"));
  Sequence sequence(context);
  sequence.add(softmax(context.engine, false, row_major({rows, classes}), 1),
               {{DNNL_ARG_SRC, Buffer::input(0)}, {DNNL_ARG_DST, Buffer::output(1)}});
  Offer offer = sequence.plan("softmax_cross_entropy");
  promise_exponential(offer);
  if (Plan* plan = std::get_if<Plan>(&offer)) {
    const Lines lines{rows, classes, 1, context.threads};
    run_behind(*plan, [=, spread = loops().spread_nans](const Io& io) {
      spread(lines, io.in<float>(0), io.out<float>(1));
      *io.out<float>(0) = mean_cross_entropy(io.in<float>(0), io.out<float>(1), io.in<std::int32_t>(1), rows,
                                             classes, smoothing);
    });
  }
  return offer;
}

// dx_bk = dL (p_bk − q_bk)/B, a loop: the library has nothing that reads labels.
Offer offer_cross_entropy_grad(const Context&, const Site& site) {
  const std::int64_t rows = site.input(1).shape[0], classes = site.input(1).shape[1];
  const double smoothing = site.fields().number("label_smoothing");
  Plan plan = make_plan("onednn.softmax_cross_entropy_grad.loop", [=](const Io& io) {
    const float dloss = *io.in<float>(0);
    const float* p = io.in<float>(1);
    const auto* labels = io.in<std::int32_t>(2);
    float* dx = io.out<float>(0);
    const float elsewhere = static_cast<float>(smoothing) / static_cast<float>(classes);
    const float at_label = (1.0f - static_cast<float>(smoothing)) + elsewhere;
    for (std::int64_t b = 0; b < rows; ++b) {
      const bool known = labels[b] >= 0 && labels[b] < classes;
      for (std::int64_t k = 0; k < classes; ++k) {
        const float q = !known           ? std::numeric_limits<float>::quiet_NaN()
                        : k == labels[b] ? at_label
                                         : elsewhere;
        dx[b * classes + k] = dloss * (p[b * classes + k] - q) / static_cast<float>(rows);
      }
    }
  });
  plan.in_place = {{0, 1}};
  return plan;
}

}  // namespace

void add_softmax_kernels(KernelTable& kernels, Context& context) {
  const auto add = [&](std::string_view op, Offer (*offer)(const Context&, const Site&)) {
    kernels.add(
        op, [&context, offer](const Site& site) { return offer(context, site); }, "onednn");
  };
  add("softmax", offer_softmax);
  add("softmax_grad", [](const Context& c, const Site& s) { return offer_softmax_grad(c, s, false); });
  add("log_softmax_grad", [](const Context& c, const Site& s) { return offer_softmax_grad(c, s, true); });
  add("softmax_cross_entropy", offer_cross_entropy);
  add("softmax_cross_entropy_grad", offer_cross_entropy_grad);
}

}  // namespace assay::onednn
