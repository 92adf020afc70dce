// Defects as they were reported of other programs, each made again as exactly as its report allows in the op
// of ours that computes the same. What they have in common: most data and most shapes do not show them.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

#include "assay/faults/fault.h"
#include "assay/faults/faulty_backend.h"
#include "assay/faults/sites.h"
#include "assay/graph/differentiate.h"
#include "assay/ops/window.h"

namespace assay::faults {
namespace {

struct Report {
  std::string name;
  int number;
  std::string op;
  std::string defect;
  KernelFault fault;
};

bool canonical(const Execution& run) {
  for (std::size_t i = 0; i < run.inputs.size(); ++i) {
    if (run.inputs[i].bytes != run.site.input(i).bytes()) return false;
  }
  for (std::size_t o = 0; o < run.outputs.size(); ++o) {
    if (run.outputs[o].bytes != run.site.output(o).bytes()) return false;
  }
  return true;
}

// Operands and results of an execution in f32 or f64.
template <class T>
struct View {
  const Execution& run;
  const T* in(std::size_t i) const { return static_cast<const T*>(run.inputs[i].data); }
  const std::int32_t* index(std::size_t i) const {
    return static_cast<const std::int32_t*>(run.inputs[i].data);
  }
  T* out(std::size_t o = 0) const { return static_cast<T*>(run.outputs[o].data); }
  std::size_t count(std::size_t o = 0) const { return run.outputs[o].count(); }
  const Shape& shape(std::size_t i) const { return run.site.input(i).shape; }
  const Shape& result(std::size_t o = 0) const { return run.site.output(o).shape; }
  double field(const char* name) const { return run.site.fields().number(name); }
};

// f(view) after the real kernel has run on copies of what it may overwrite in place.
template <class F>
KernelFault wrong(F f) {
  return {.damage = [f](Execution& run) {
    if (!canonical(run)) return run.run_real();
    std::vector<std::vector<unsigned char>> before;
    for (const Buffer& input : run.inputs) before.push_back(bytes_of(input));
    run.run_real();
    Execution seen = run;
    for (std::size_t i = 0; i < before.size(); ++i) seen.inputs[i].data = before[i].data();
    if (run.outputs[0].dtype == DType::f32) f(View<float>{seen});
    if (run.outputs[0].dtype == DType::f64) f(View<double>{seen});
  }};
}

// y ← f(x) elementwise on input i and output 0.
template <class F>
KernelFault changed(F f) {
  return wrong([f](const auto& v) {
    for (std::size_t i = 0; i < v.count(); ++i) v.out()[i] = f(v.out()[i]);
  });
}

// A number of the settings is taken for another.
KernelFault taken(const std::string& field, std::function<double(const Site&, double)> change) {
  return {.misread = [field, change](Site& site, std::vector<Fields>& kept) {
    SiteOp& op = site.ops.front();
    kept.assign(1, *op.fields);
    kept.front().set(field, change(site, op.fields->number(field)));
    op.fields = &kept.front();
    return true;
  }};
}

double classes(const Site& site) { return static_cast<double>(site.input(0).shape[1]); }

// Adam's step once more, with a wrong correction or decay.
struct AdamStep {
  double w, g, m, v, rate, step, beta1, beta2, epsilon, decay;
  double correction(double beta) const { return 1.0 - std::pow(beta, step); }
};
template <class F>
KernelFault adam(F f) {
  return wrong([f](const auto& v) {
    for (std::size_t i = 0; i < v.count(); ++i) {
      const AdamStep s{v.in(0)[i],         v.in(1)[i],
                       v.out(1)[i],        v.out(2)[i],
                       v.in(4)[0],         static_cast<double>(v.index(5)[0]),
                       v.field("beta1"),   v.field("beta2"),
                       v.field("epsilon"), v.field("weight_decay")};
      v.out()[i] = static_cast<std::remove_pointer_t<decltype(v.out())>>(f(s));
    }
  });
}

// Rows of the last axis.
template <class V, class F>
void each_row(const V& v, F f) {
  const Shape& shape = v.result();
  if (shape.rank() == 0 || v.count() == 0) return;
  const auto row = static_cast<std::size_t>(shape[shape.rank() - 1]);
  for (std::size_t begin = 0; begin < v.count(); begin += row) f(begin, row);
}

// Results of windows over the lower edge scaled as if their part beyond it counted, or not.
template <class V>
void wrong_divisor(const V& v, bool lower_edge_alone) {
  const Shape &x = v.shape(0), &y = v.result();
  const Window window = pooling_window(x, v.run.site.fields());
  const auto inside = [](const WindowAxis& axis, std::int64_t o, std::int64_t after) {
    std::int64_t taps = 0;
    for (std::int64_t k = 0; k < axis.size; ++k) {
      const std::int64_t position = axis.position(o, k);
      taps += position >= -axis.before && position < axis.input + after ? 1 : 0;
    }
    return static_cast<double>(taps);
  };
  const bool counted = v.run.site.fields().boolean("count_padding");
  if (counted != lower_edge_alone) return;
  for (std::int64_t p = 0; p < x[0] * x[1]; ++p) {
    for (std::int64_t i = 0; i < y[2]; ++i) {
      for (std::int64_t j = 0; j < y[3]; ++j) {
        // The padding behind is taken to be as wide as the one before.
        const double all = static_cast<double>(window.height.size * window.width.size);
        const double seen =
            inside(window.height, i, window.height.before) * inside(window.width, j, window.width.before);
        v.out()[(p * y[2] + i) * y[3] + j] *=
            static_cast<std::remove_pointer_t<decltype(v.out())>>(all / std::max(seen, 1.0));
      }
    }
  }
}

// Channels of the first group where they belong to the last.
KernelFault groups_turned(std::function<bool(const Fields&)> where) {
  return wrong([where](const auto& v) {
    const std::int64_t groups = v.run.site.fields().integer("groups");
    if (groups < 2 || !where(v.run.site.fields())) return;
    const std::size_t n = v.count() / static_cast<std::size_t>(groups);
    std::rotate(v.out(), v.out() + n, v.out() + v.count());
  });
}

// Off by a column where taps stand apart.
KernelFault dilated_shifted() {
  return wrong([](const auto& v) {
    const std::vector<std::int64_t>& dilation = v.run.site.fields().integers("dilation");
    if (dilation[1] < 2 || v.count() < 2) return;
    std::rotate(v.out(), v.out() + 1, v.out() + v.count());
  });
}

// f(row k of the gradient, the row that it goes to, elements of each); rows that are none are passed over, as
// by the op.
template <class V, class F>
void for_each_row(const V& v, F f) {
  const auto rows = static_cast<std::uint32_t>(v.result()[0]);
  const auto row = static_cast<std::size_t>(v.result().count(1, v.result().rank()));
  for (std::size_t k = 0; k < v.run.inputs[1].count(); ++k) {
    const auto to = static_cast<std::uint32_t>(v.index(1)[k]);
    if (to < rows) f(v.in(0) + k * row, v.out() + to * row, row);
  }
}

// Rows that occur twice keep what came last.
template <class V>
void last_row_wins(const V& v) {
  for_each_row(v, [](const auto* from, auto* to, std::size_t row) { std::copy_n(from, row, to); });
}

float to_bfloat16(float x) { return std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) & 0xffff0000U); }

template <class V>
void rows_in_bfloat16(const V& v) {
  using T = std::remove_pointer_t<decltype(v.out())>;
  std::fill_n(v.out(), v.count(), T(0));
  for_each_row(v, [](const T* from, T* to, std::size_t row) {
    for (std::size_t j = 0; j < row; ++j)
      to[j] = static_cast<T>(to_bfloat16(static_cast<float>(to[j] + from[j])));
  });
}

// Half the square on every difference below the threshold, however far below zero.
template <class V>
void signed_threshold(const V& v) {
  const double delta = v.field("delta");
  double sum = 0;
  const std::size_t n = v.run.inputs[0].count();
  for (std::size_t i = 0; i < n; ++i) {
    const double d = static_cast<double>(v.in(0)[i]) - static_cast<double>(v.in(1)[i]);
    sum += d <= delta ? 0.5 * d * d : delta * (d - 0.5 * delta);
  }
  v.out()[0] = static_cast<std::remove_pointer_t<decltype(v.out())>>(sum / static_cast<double>(n));
}

std::vector<Report> reports() {
  const auto softmax_of_the_far_below = wrong([](const auto& v) {
    using T = std::remove_pointer_t<decltype(v.out())>;
    each_row(v, [&](std::size_t begin, std::size_t row) {
      const T largest = *std::max_element(v.in(0) + begin, v.in(0) + begin + row);
      if (std::exp(largest) > T(0)) return;
      std::fill_n(v.out() + begin, row, std::numeric_limits<T>::quiet_NaN());
    });
  });
  const auto absolute_near_zero = changed([](auto y) {
    const auto unit = decltype(y)(0x1p-23);
    return std::abs(y) < decltype(y)(0x1p-3) ? std::round(y / unit) * unit : y;
  });
  const auto no_log_of_zero = wrong([](const auto& v) {
    using T = std::remove_pointer_t<decltype(v.out())>;
    for (std::size_t i = 0; i < v.run.inputs[0].count(); ++i) {
      if (std::exp(-std::abs(v.in(0)[i])) == T(0)) v.out()[0] = std::numeric_limits<T>::quiet_NaN();
    }
  });
  const auto everywhere = [](const Fields&) { return true; };
  const auto strided = [](const Fields& fields) { return fields.integers("stride")[0] > 1; };
  return {
      {"epsilon under the correction", 6, "adam_update", "tensorflow/tensorflow#9047",
       adam([](const AdamStep& s) {
         const double root = (std::sqrt(s.v) + s.epsilon) / std::sqrt(s.correction(s.beta2));
         return s.w - s.rate * s.m / s.correction(s.beta1) / root;
       })},
      {"epsilon under the correction", 6, "adamw_update", "pytorch/pytorch#22628",
       adam([](const AdamStep& s) {
         const double root = (std::sqrt(s.v) + s.epsilon) / std::sqrt(s.correction(s.beta2));
         return s.w * (1 - s.rate * s.decay) - s.rate * s.m / s.correction(s.beta1) / root;
       })},
      {"no correction of the moments", 6, "adam_update", "karpathy/convnetjs#107",
       adam([](const AdamStep& s) { return s.w - s.rate * s.m / (std::sqrt(s.v) + s.epsilon); })},
      {"decay as a part of the gradient", 6, "adamw_update", "nntrainer/nntrainer#3565",
       adam([](const AdamStep& s) {
         const double g = s.decay * s.w;
         const double m = s.m + (1 - s.beta1) * g;
         const double v = s.v + (1 - s.beta2) * (2 * s.g * g + g * g);
         return s.w - s.rate * m / s.correction(s.beta1) / (std::sqrt(v / s.correction(s.beta2)) + s.epsilon);
       })},
      {"decay without the rate", 6, "adamw_update", "egg-west/AdamW-pytorch#1", adam([](const AdamStep& s) {
         return s.w * (1 - s.decay) -
                s.rate * s.m / s.correction(s.beta1) / (std::sqrt(s.v / s.correction(s.beta2)) + s.epsilon);
       })},
      {"smoothing over the other classes", 2, "softmax_cross_entropy", "mindspore-ai/mindspore#73",
       taken("label_smoothing",
             [](const Site& site, double e) {
               return std::min(1.0, e * classes(site) / (classes(site) - 1));
             })},
      {"smoothing over the other classes", 2, "softmax_cross_entropy_grad", "fastai/fastai#1814",
       taken("label_smoothing",
             [](const Site& site, double e) {
               return std::min(1.0, e * classes(site) / (classes(site) - 1));
             })},
      {"smoothing of the target alone", 2, "softmax_cross_entropy", "ildoonet/pytorch-randaugment#30",
       taken("label_smoothing", [](const Site& site, double e) { return e / classes(site); })},
      {"scaled by the rate", 23, "dropout", "lmjohns3/theanets#123", wrong([](const auto& v) {
         const double rate = v.field("rate");
         using T = std::remove_pointer_t<decltype(v.out())>;
         for (std::size_t i = 0; i < v.count() && rate > 0 && rate < 1; ++i)
           v.out()[i] = static_cast<T>(v.out()[i] * (1 - rate) / rate);
       })},
      {"mask read off the result", 23, "dropout", "kaldi-asr/kaldi#3890", wrong([](const auto& v) {
         auto* const mask = static_cast<std::uint8_t*>(v.run.outputs[1].data);
         for (std::size_t i = 0; i < v.count(); ++i) {
           if (v.in(0)[i] == 0) mask[i] = 1;
         }
       })},
      {"threshold on the signed difference", 9, "huber", "BobMcDear/attorch#13",
       wrong([](const auto& v) { signed_threshold(v); })},
      {"accurate by its largest value", 25, "tanh", "pytorch/pytorch#198183", absolute_near_zero},
      {"padding behind as wide as before", 9, "avg_pool2d", "ROCm/AMDMIGraphX#5007",
       wrong([](const auto& v) { wrong_divisor(v, true); })},
      {"divided as if windows were whole", 9, "avg_pool2d", "robertknight/rten#1456",
       wrong([](const auto& v) { wrong_divisor(v, false); })},
      {"groups in another order", 9, "conv2d_grad_weight", "pytorch/pytorch#51430",
       groups_turned(everywhere)},
      {"groups in another order if strided", 9, "conv2d_grad_input", "ml-explore/mlx#3800",
       groups_turned(strided)},
      {"shifted where dilated", 9, "conv2d", "Tencent/ncnn#75", dilated_shifted()},
      {"shifted where dilated", 9, "conv2d_grad_input", "Theano/Theano#4729", dilated_shifted()},
      {"last of repeated rows", 11, "gather_grad", "pymc-devs/pytensor#2242",
       wrong([](const auto& v) { last_row_wins(v); })},
      {"repeated rows in bfloat16", 18, "gather_grad", "tenstorrent/tt-metal#53386",
       wrong([](const auto& v) { rows_in_bfloat16(v); })},
      {"variance of a sample", 6, "batch_norm", "keras-team/keras#8982", wrong([](const auto& v) {
         const double n =
             static_cast<double>(v.count()) / static_cast<double>(std::max<std::size_t>(1, v.count(2)));
         using T = std::remove_pointer_t<decltype(v.out())>;
         for (std::size_t i = 0; i < v.count(2) && n > 1; ++i)
           v.out(2)[i] = static_cast<T>(v.out(2)[i] * n / (n - 1));
       })},
      {"shift of zero at least", 22, "softmax", "FluxML/NNlib.jl#43", softmax_of_the_far_below},
      {"shift of zero at least", 22, "log_softmax", "FluxML/NNlib.jl#43", softmax_of_the_far_below},
      {"logarithm of zero", 22, "binary_cross_entropy", "GustikS/NeuraLogic#6", no_log_of_zero},
  };
}

// Rules, wrong as reported.
struct RuleReport {
  std::string name;
  int number;
  std::string op;
  std::string defect;
  DerivativeRule rule;
};

// Where both are equal, both get all of the cotangent.
void all_to_both(Vjp& d, const std::string& beyond) {
  Graph& graph = d.graph();
  const Value dy = d.cotangent(), a = d.input(0), b = d.input(1), zero = graph.constant(0.0, dy.dtype());
  if (a.spec() != dy.spec() || b.spec() != dy.spec()) return;
  const bool larger = beyond == "maximum";
  const Value b_alone = larger ? graph.apply("greater", {b, a}) : graph.apply("greater", {a, b});
  const Value a_alone = larger ? graph.apply("greater", {a, b}) : graph.apply("greater", {b, a});
  d.add(0, graph.apply("where", {b_alone, zero, dy}));
  d.add(1, graph.apply("where", {a_alone, zero, dy}));
}

std::vector<RuleReport> rule_reports() {
  return {
      {"mask left out", 23, "dropout", "ddbourgin/numpy-ml#94",
       [](Vjp& d) {
         const double rate = d.fields().number("rate");
         if (rate < 1)
           d.add(0, d.graph().apply("mul",
                                    {d.cotangent(), d.graph().constant(1 / (1 - rate), d.cotangent().dtype(),
                                                                       d.cotangent().shape())}));
       }},
      {"ties to both", 20, "maximum", "pytorch/pytorch#56734", [](Vjp& d) { all_to_both(d, "maximum"); }},
      {"ties to both", 20, "minimum", "Theano/Theano#6470", [](Vjp& d) { all_to_both(d, "minimum"); }},
  };
}

}  // namespace

std::vector<Fault> reported_faults(const Registry& registry) {
  const Sites sites(registry);
  std::vector<Fault> faults;
  for (const Report& report : reports()) {
    for (const std::string& backend : sites.taking(report.op)) {
      if (backend == "reference" && sites.taking(report.op).size() > 1) continue;
      Fault fault;
      fault.kind = report.name;
      fault.number = report.number;
      fault.op = report.op;
      fault.backend = backend;
      fault.defect = report.defect;
      fault.inject = [backend, op = report.op, wrong = report.fault](Registry& r) {
        damage_backend(r, backend, op, wrong);
      };
      faults.push_back(std::move(fault));
    }
  }
  for (const RuleReport& report : rule_reports()) {
    Fault fault;
    fault.kind = report.name;
    fault.number = report.number;
    fault.op = report.op;
    fault.defect = report.defect;
    fault.inject = [op = report.op, rule = report.rule](Registry& r) { r.ops.find(op)->derivative = rule; };
    faults.push_back(std::move(fault));
  }
  return faults;
}

}  // namespace assay::faults
