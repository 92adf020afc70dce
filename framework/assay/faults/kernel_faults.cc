// What a wrong kernel leaves in its buffers: a table of kinds, each put into every op on one of the backends
// that take it; the three that no verification may ever miss (nothing done, zeros, the result of the call
// before) into every op on every backend.
#include <algorithm>
#include <cmath>
#include <type_traits>

#include "assay/faults/fault.h"
#include "assay/faults/faulty_backend.h"
#include "assay/faults/sites.h"

namespace assay::faults {
namespace {

enum class Where : std::uint8_t {
  everywhere,  ///< every op, every backend, the reference too
  compiled,    ///< every op, on one compiled backend (the reference where there is none)
  threaded,    ///< every op that a backend with threads takes, on one such backend
};

struct Kind {
  std::string name;
  int number;
  std::string defect;
  Where where;
  KernelFault fault;
  double coherent = 0;
  std::string equivalent{};
};

template <class T>
using Pointed = std::remove_pointer_t<T>;

// f(pointer, count) of every real output.
template <class F>
void each_real(const Execution& run, F f) {
  for (const Buffer& output : run.outputs) {
    if (is_real(output.dtype)) typed(output, [&](auto* y) { f(y, output.count()); });
  }
}
// Likewise of f32 alone: the format in which a small error is hard to see.
template <class F>
void each_float(const Execution& run, F f) {
  for (const Buffer& output : run.outputs) {
    if (output.dtype == DType::f32) f(static_cast<float*>(output.data), output.count());
  }
}

Damage after(std::function<void(Execution&)> change) {
  return [change](Execution& run) {
    run.run_real();
    change(run);
  };
}

void zero(Execution& run) {
  for (const Buffer& output : run.outputs) {
    typed(output, [&](auto* y) { std::fill_n(y, output.count(), Pointed<decltype(y)>(0)); });
  }
}

void multiply(Execution& run, double factor) {
  each_real(run, [&](auto* y, std::size_t n) {
    using T = Pointed<decltype(y)>;
    if constexpr (!std::is_same_v<T, Lattice>) {
      for (std::size_t i = 0; i < n; ++i) y[i] = y[i] * T(factor);
    }
  });
}

Damage relative_error(double epsilon) {
  return after([epsilon](Execution& run) {
    each_float(run, [&](float* y, std::size_t n) {
      for (std::size_t i = 0; i < n; ++i) y[i] = static_cast<float>(y[i] * (1.0 + epsilon));
    });
  });
}

// Bytes [first, last) elements of every output as they were before the run.
Damage unwritten(std::function<std::pair<std::size_t, std::size_t>(const Execution&, const Buffer&)> range) {
  return [range](Execution& run) {
    std::vector<std::vector<unsigned char>> before;
    for (const Buffer& output : run.outputs) before.push_back(bytes_of(output));
    run.run_real();
    for (std::size_t o = 0; o < run.outputs.size(); ++o) {
      const Buffer& output = run.outputs[o];
      const auto [first, last] = range(run, output);
      if (first < last)
        std::memcpy(output.at(first), before[o].data() + first * output.element(),
                    (last - first) * output.element());
    }
  };
}

// Every output element i takes the value of element source(i, n, row), row being the innermost extent.
Damage moved(std::function<std::size_t(std::size_t i, std::size_t n, std::size_t row)> source) {
  return after([source](Execution& run) {
    for (std::size_t o = 0; o < run.outputs.size(); ++o) {
      const Buffer& output = run.outputs[o];
      const Shape& shape = run.site.output(o).shape;
      const std::size_t n = output.count();
      if (n == 0 || shape.rank() == 0) continue;
      const auto row = static_cast<std::size_t>(shape[shape.rank() - 1]);
      const std::vector<unsigned char> right = bytes_of(output);
      for (std::size_t i = 0; i < n; ++i)
        std::memcpy(output.at(i), right.data() + source(i, n, row) * output.element(), output.element());
    }
  });
}

// The last thread's share of the output.
std::pair<std::size_t, std::size_t> last_share(const Execution& run, const Buffer& output) {
  const std::size_t n = output.count();
  return {run.threads > 1 ? n - n / static_cast<std::size_t>(run.threads) : n, n};
}

void keep_outputs(Execution& run) {
  run.memory.kept.clear();
  for (const Buffer& output : run.outputs) run.memory.kept.push_back(bytes_of(output));
}
void give_kept(const Execution& run, const std::vector<std::vector<unsigned char>>& kept) {
  for (std::size_t o = 0; o < kept.size(); ++o)
    std::ranges::copy(kept[o], static_cast<unsigned char*>(run.outputs[o].data));
}

void previous_output(Execution& run) {
  const auto before = std::move(run.memory.kept);
  run.run_real();
  keep_outputs(run);
  if (run.memory.runs > 0) give_kept(run, before);
}

void first_output(Execution& run) {
  run.run_real();
  if (run.memory.runs == 0) keep_outputs(run);
  give_kept(run, run.memory.kept);
}

void accumulate(Execution& run) {
  std::vector<std::vector<unsigned char>> before;
  for (const Buffer& output : run.outputs) before.push_back(bytes_of(output));
  run.run_real();
  for (std::size_t o = 0; o < run.outputs.size(); ++o) {
    if (!is_real(run.outputs[o].dtype)) continue;
    typed(run.outputs[o], [&](auto* y) {
      using T = Pointed<decltype(y)>;
      const auto* old = reinterpret_cast<const T*>(before[o].data());
      for (std::size_t i = 0; i < run.outputs[o].count(); ++i) y[i] = y[i] + old[i];
    });
  }
}

void write_past_end(Execution& run) {
  const Buffer& output = run.outputs[0];
  if (output.dtype == DType::f32 || output.dtype == DType::f64 || !is_real(output.dtype))
    std::memset(output.at(output.count()), 0, output.element());
}

void clobber_input(Execution& run) {
  for (const Buffer& input : run.inputs) {
    if (input.count() > 0)
      std::memset(input.at(input.count() - 1), is_real(input.dtype) ? 0x11 : 0, input.element());
  }
}

void one_ulp(Execution& run) {
  each_float(run, [](float* y, std::size_t n) {
    if (n > 0) y[n / 2] = std::nextafter(y[n / 2], HUGE_VALF);
  });
}

void every_third_run(Execution& run) {
  if (run.memory.runs % 3 == 2) one_ulp(run);
}

void lost_update(Execution& run) {
  if (run.memory.runs % 7 != 6) return;
  each_real(run, [](auto* y, std::size_t n) {
    if (n > 0) y[n - 1] = Pointed<decltype(y)>(0);
  });
}

void double_last_share(Execution& run) {
  for (const Buffer& output : run.outputs) {
    if (!is_real(output.dtype)) continue;
    const auto [first, last] = last_share(run, output);
    typed(output, [first = first, last = last](auto* y) {
      for (std::size_t i = first; i < last; ++i) y[i] = y[i] + y[i];
    });
  }
}

void add_scratch(Execution& run) {
  const Buffer& output = run.outputs[0];
  if (output.count() == 0) return;
  const int read = static_cast<const unsigned char*>(run.io.scratch)[run.scratch_bytes];
  typed(output, [&](auto* y) {
    using T = Pointed<decltype(y)>;
    y[0] = static_cast<T>(y[0] + T(read));
  });
}

// In place over every input of the same spec, which clearing the output first destroys.
void declare_in_place(Plan& plan, const Site& site) {
  if (!plan.outputs.empty() || !plan.inputs.empty()) return;
  for (std::size_t i = 0; i < site.inputs.size(); ++i) {
    const InPlace pair{0, static_cast<int>(i)};
    const auto same = [&](const InPlace& p) { return p.output == 0 && p.input == pair.input; };
    if (site.input(i) == site.output(0) && std::ranges::none_of(plan.in_place, same))
      plan.in_place.push_back(pair);
  }
}
void clear_then_run(Execution& run) {
  zero(run);
  run.run_real();
}

// Only where the damaged kernel's test of a shape goes wrong.
Damage where(std::function<bool(const Site&)> shape, std::function<void(Execution&)> change) {
  return [shape, change](Execution& run) {
    run.run_real();
    if (shape(run.site)) change(run);
  };
}

bool batch_of_one(const Site& site) { return site.input(0).shape.rank() > 1 && site.input(0).shape[0] == 1; }
bool three_channels(const Site& site) {
  return site.input(0).shape.rank() > 1 && site.input(0).shape[1] == 3;
}

std::vector<Kind> kinds() {
  using enum Where;
  const std::string exact_zero = "an output that is zero everywhere has no sign and no scale";
  return {
      {"no-op", 13, "pytorch/FBGEMM#5754", everywhere, {.damage = [](Execution&) {}}},
      {"zeros", 13, "tracel-ai/burn#4806", everywhere, {.damage = zero}},
      {"previous output", 12, "uxlfoundation/oneDNN#6035", everywhere, {.damage = previous_output}},
      {"sign flipped",
       1,
       "HIPS/autograd#412",
       everywhere,
       {.damage = after([](Execution& run) {
          each_real(run, [](auto* y, std::size_t n) {
            for (std::size_t i = 0; i < n; ++i) y[i] = -y[i];
          });
        })},
       0,
       exact_zero},
      {"factor 2",
       2,
       "apache/mxnet#1053",
       everywhere,
       {.damage = after([](Execution& run) { multiply(run, 2.0); })},
       0,
       exact_zero},
      {"factor 1/2",
       2,
       "apache/mxnet#1053",
       compiled,
       {.damage = after([](Execution& run) { multiply(run, 0.5); })},
       0,
       exact_zero},
      {"rows reversed",
       7,
       "harvard-edge/cs249r_book#1867",
       compiled,
       {.damage = moved([](std::size_t i, std::size_t n, std::size_t row) {
          return row == 0 ? i : (n / row - 1 - i / row) * row + i % row;
        })},
       0,
       "one row, or rows that are alike"},
      {"tail of 8 left",
       10,
       "gnuradio/volk#359",
       compiled,
       {.damage = unwritten([](const Execution&, const Buffer& y) {
          return std::pair(y.count() - y.count() % 8, y.count());
        })}},
      {"tail of 4 left",
       10,
       "tracel-ai/burn#4806",
       compiled,
       {.damage = unwritten([](const Execution&, const Buffer& y) {
          return std::pair(y.count() - y.count() % 4, y.count());
        })}},
      {"store past the end", 10, "gnuradio/volk#359", compiled, {.damage = after(write_past_end)}},
      {"accumulates", 11, "FluxML/NNlib.jl#205", compiled, {.damage = accumulate}, 0, "no real output"},
      {"first output kept", 12, "uxlfoundation/oneDNN#6035", compiled, {.damage = first_output}},
      {"one element unwritten",
       13,
       "pytorch/FBGEMM#5754",
       compiled,
       {.damage = unwritten([](const Execution&, const Buffer& y) {
          return std::pair(y.count() / 2, std::min(y.count(), y.count() / 2 + 1));
        })}},
      {"reads its scratch",
       13,
       "pytorch/FBGEMM#5754",
       compiled,
       {.damage = after(add_scratch),
        .plan = [](Plan& plan, const Site&) { plan.scratch_bytes += kAlignment; }}},
      {"clobbers its inputs", 14, "BVLC/caffe#3254", compiled, {.damage = after(clobber_input)}},
      {"unsafe in place",
       14,
       "BVLC/caffe#3254",
       compiled,
       {.damage = clear_then_run, .plan = declare_in_place},
       0,
       "no input of the output's spec in canonical layout, so that nothing is done in place"},
      {"written transposed",
       15,
       "uxlfoundation/oneDNN#4124",
       compiled,
       {.damage = moved([](std::size_t i, std::size_t n, std::size_t row) {
          return row == 0 || n % row != 0 ? i : (i % (n / row)) * row + i / (n / row);
        })},
       0,
       "one row or one column"},
      {"off by one",
       15,
       "NervanaSystems/neon#111",
       compiled,
       {.damage = moved([](std::size_t i, std::size_t n, std::size_t) { return std::min(i + 1, n - 1); })},
       0,
       "one element"},
      {"thread's part dropped",
       16,
       "vgvassilev/clad#2114",
       threaded,
       {.damage = unwritten(last_share)},
       0,
       "no case with as many elements as threads"},
      {"thread's part doubled",
       16,
       "uxlfoundation/oneDNN#4742",
       threaded,
       {.damage = after(double_last_share)},
       0,
       "no case with as many elements as threads, or no real output"},
      // What shows of a race is that runs differ now and then, so that is what is put in: a race itself would
      // fail or not by the machine's mood, and no two measurements of the harness would agree. The kernels'
      // own threading is looked at for races by tests/races, whose planted race has to be reported.
      {"an ulp now and then",
       17,
       "uxlfoundation/oneDNN#4742",
       compiled,
       {.damage = after(every_third_run)},
       0,
       "no real output"},
      {"an update lost now and then",
       17,
       "vgvassilev/clad#2114",
       compiled,
       {.damage = after(lost_update)},
       0,
       "no real output"},
      {"relative error 1e-3", 19, "", compiled, {.damage = relative_error(1e-3)}, 1e-3, exact_zero},
      {"relative error 1e-4", 19, "", compiled, {.damage = relative_error(1e-4)}, 1e-4, exact_zero},
      {"relative error 1e-5", 19, "", compiled, {.damage = relative_error(1e-5)}, 1e-5, exact_zero},
      {"relative error 1e-6", 19, "", compiled, {.damage = relative_error(1e-6)}, 1e-6, exact_zero},
      {"one ulp in one element", 19, "", compiled, {.damage = after(one_ulp)}, 0, "no real output"},
      {"batch of one",
       24,
       "pytorch/pytorch#84488",
       compiled,
       {.damage = where(batch_of_one, zero)},
       0,
       "no case with a batch of one and more than one axis"},
      {"three channels",
       24,
       "pytorch/pytorch#21597",
       compiled,
       {.damage = where(three_channels, zero)},
       0,
       "no case of extent 3 on axis 1"},
      {"index of 8 bits",
       24,
       "pytorch/pytorch#84488",
       compiled,
       {.damage = moved([](std::size_t i, std::size_t, std::size_t) { return i % 256; })},
       0,
       "no case of more than 256 elements"},
  };
}

}  // namespace

std::vector<Fault> kernel_faults(const Registry& registry) {
  const Sites sites(registry);
  std::vector<Fault> faults;
  std::size_t turn = 0;
  for (const Kind& kind : kinds()) {
    ++turn;
    for (const OpDef* op : ops_with_kernels(registry)) {
      ++turn;
      std::vector<std::string> backends = sites.taking(op->name);
      if (kind.where == Where::compiled) backends = {sites.one(op->name, turn)};
      if (kind.where == Where::threaded) {
        std::erase_if(backends,
                      [&](const std::string& name) { return !registry.backends.at(name).threaded; });
        if (!backends.empty()) backends = {backends[turn % backends.size()]};
      }
      for (const std::string& backend : backends) {
        faults.push_back({kind.name, kind.number, op->name, backend, kind.defect, kind.coherent,
                          kind.equivalent, [backend, name = op->name, fault = kind.fault](Registry& r) {
                            damage_backend(r, backend, name, fault);
                          }});
      }
    }
  }
  return faults;
}

}  // namespace assay::faults
