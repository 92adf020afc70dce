// Single kernels of every backend, by Google Benchmark:
//   kernels [--threads N] [--processor-time] [--benchmark_filter=REGEX ...]
// "peak" is the share of the multiply-adds per second that a loop over registers reaches here, or of the
// bytes per second that a loop over arrays of that size reaches; "onednn" is the speed as a share of the
// oneDNN backend's, which runs in turns with the kernel: the median of their ratios.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "assay/bench/statistics.h"
#include "assay/core/error.h"
#include "speed/command_line.h"
#include "speed/plain_product.h"
#include "speed/roof.h"
#include "speed/single_op.h"

namespace assay::speed {
namespace {

struct KernelCase {
  std::string name;
  std::string op;
  Case operands;
  std::optional<Stream> stream;  // empty: the roof is that of multiply-adds
};

// x [batch, in] through a dense layer of `out`: the products of a training step in the order of its passes.
void add_products(std::vector<KernelCase>& all, const std::string& name, std::int64_t batch, std::int64_t in,
                  std::int64_t out) {
  const CaseInput x{Shape{batch, in}}, w{Shape{out, in}}, y{Shape{batch, out}};
  all.push_back({"gemm/" + name + "/forward_NT", "matmul", {"", {x, w}, {{"transpose_b", true}}}, {}});
  all.push_back({"gemm/" + name + "/to_input_NN", "matmul", {"", {y, w}}, {}});
  all.push_back({"gemm/" + name + "/to_weight_TN", "matmul", {"", {y, x}, {{"transpose_a", true}}}, {}});
}

void add_convolutions(std::vector<KernelCase>& all, const std::string& name, const Shape& x, const Shape& w,
                      std::int64_t padding) {
  const Shape y{x[0], w[0], x[2] + 2 * padding - w[2] + 1, x[3] + 2 * padding - w[3] + 1};
  const Fields fields{{"padding", std::vector<std::int64_t>(4, padding)}};
  const auto with = [&](const char* field, std::vector<std::int64_t> value) {
    return Fields(fields).set(field, std::move(value));
  };
  const std::vector<std::int64_t> extents(x.extents().begin(), x.extents().end());
  all.push_back({"conv/" + name + "/forward", "conv2d", {"", {{x}, {w}}, fields}, {}});
  all.push_back(
      {"conv/" + name + "/to_input", "conv2d_grad_input", {"", {{y}, {w}}, with("input", extents)}, {}});
  all.push_back({"conv/" + name + "/to_weight",
                 "conv2d_grad_weight",
                 {"", {{y}, {x}}, with("kernel", {w[2], w[3]})},
                 {}});
}

std::vector<KernelCase> kernel_cases() {
  std::vector<KernelCase> all;
  add_products(all, "c64", 64, 784, 512);
  add_products(all, "c256", 256, 784, 512);
  add_products(all, "d", 128, 1024, 1024);
  add_convolutions(all, "e1", Shape{64, 1, 28, 28}, Shape{20, 1, 5, 5}, 0);
  add_convolutions(all, "e2", Shape{64, 20, 12, 12}, Shape{50, 20, 5, 5}, 0);
  add_convolutions(all, "f2", Shape{64, 32, 32, 32}, Shape{32, 32, 3, 3}, 1);
  add_convolutions(all, "f4", Shape{64, 64, 16, 16}, Shape{64, 64, 3, 3}, 1);
  add_convolutions(all, "f6", Shape{64, 128, 8, 8}, Shape{128, 128, 3, 3}, 1);
  const CaseInput image{Shape{64, 32, 32, 32}}, half{Shape{64, 32, 16, 16}};
  const CaseInput taps{half.shape, Domain::index, 32 * 32};
  const std::vector<std::int64_t> two{2, 2};
  all.push_back({"pool/max", "max_pool2d", {"", {image}, {{"size", two}, {"stride", two}}}, Stream::copy});
  all.push_back({"pool/max_grad",
                 "max_pool2d_grad",
                 {"", {half, taps}, {{"input", std::vector<std::int64_t>{64, 32, 32, 32}}}},
                 Stream::copy});
  const CaseInput large{Shape{std::int64_t{1} << 24}}, rows{Shape{16384, 1000}}, rate{Shape{}};
  all.push_back({"elementwise/relu", "relu", {"", {large}}, Stream::copy});
  all.push_back({"elementwise/add", "add", {"", {large, large}}, Stream::triad});
  all.push_back({"elementwise/sigmoid", "sigmoid", {"", {large}}, Stream::copy});
  all.push_back({"softmax/rows_of_1000", "softmax", {"", {rows}, {{"axis", std::int64_t{1}}}}, Stream::copy});
  all.push_back({"update/sgd", "sgd_update", {"", {large, large, rate}}, Stream::onto});
  all.push_back(
      {"update/sgd_momentum", "sgd_momentum_update", {"", {large, large, large, rate}}, Stream::onto});
  all.push_back(
      {"update/adam",
       "adam_update",
       {"", {large, large, large, {large.shape, Domain::positive}, rate, {Shape{}, Domain::step, 9}}},
       Stream::onto});
  const CaseInput squares{large.shape, Domain::positive};
  all.push_back({"update/rmsprop", "rmsprop_update", {"", {large, large, squares, rate}}, Stream::onto});
  all.push_back({"update/rmsprop_momentum",
                 "rmsprop_momentum_update",
                 {"", {large, large, squares, large, rate}},
                 Stream::onto});
  return all;
}

struct Options {
  int threads = 1;
  clockid_t clock = CLOCK_MONOTONIC;
};

// Measured when first asked for.
double roof_of(const KernelCase& kernel, double bytes, const Options& options) {
  static std::map<std::pair<int, std::int64_t>, double> known;
  const int stream = kernel.stream ? static_cast<int>(*kernel.stream) : -1;
  const std::int64_t floats = kernel.stream ? static_cast<std::int64_t>(bytes / 3 / sizeof(float)) : 0;
  double& roof = known[{stream, floats}];
  if (roof == 0)
    roof = kernel.stream ? peak_bandwidth(*kernel.stream, floats, options.threads, options.clock)
                         : peak_multiply_adds(options.threads, options.clock);
  return roof;
}

void run(benchmark::State& state, const Registry& registry, const Options& options, const KernelCase& kernel,
         const std::string& backend) {
  const auto make = [&](const std::string& name) {
    return std::make_shared<SingleOp>(registry, name, options.threads, kernel.op, kernel.operands);
  };
  std::shared_ptr<SingleOp> op;
  std::string whose;
  std::function<double(clockid_t)> beside;
  try {
    op = make(backend);
    if (backend == "eigen" && kernel.op == "matmul") {
      const Fields& f = kernel.operands.fields;
      beside = plain_product(kernel.operands.inputs[0].shape, f.find("transpose_a") != nullptr,
                             kernel.operands.inputs[1].shape, f.find("transpose_b") != nullptr);
      whose = "plain_eigen";
    } else if (backend != "onednn" && registry.backends.find("onednn") != nullptr) {
      beside = [other = make("onednn")](clockid_t clock) { return other->run(clock); };
      whose = "onednn";
    }
  } catch (const Error& error) {
    state.SkipWithError(error.what());
    return;
  }
  // Processor time is that of all threads together.
  const double share = options.clock == CLOCK_PROCESS_CPUTIME_ID ? options.threads : 1;
  op->run(options.clock);
  std::vector<double> all, ratios;
  for (auto iteration : state) {
    (void)iteration;
    if (beside) beside(options.clock);  // what the other one left in the caches is gone
    const double theirs = beside ? beside(options.clock) : 0;
    op->run(options.clock);
    const double ours = op->run(options.clock);
    all.push_back(ours / share);
    state.SetIterationTime(all.back());
    if (beside) ratios.push_back(theirs / ours);
  }
  const double work = kernel.stream ? op->bytes() : op->multiply_adds();
  state.counters["peak"] = work / bench::summarize(all).median / roof_of(kernel, op->bytes(), options);
  if (beside) state.counters["of_" + whose] = bench::summarize(ratios).median;
  state.SetLabel(op->implementation());
}

void run(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--processor-time") {
      options.clock = CLOCK_PROCESS_CPUTIME_ID;
    } else if (word == "--threads" && i + 1 < argc) {
      options.threads = count_of<int>(word, argv[++i]);
    } else {
      throw Error("usage: kernels [--threads N] [--processor-time] [--benchmark_filter=REGEX ...]");
    }
  }
  Registry registry;
  register_builtin(registry);
  const std::vector<KernelCase> kernels = kernel_cases();
  for (const KernelCase& kernel : kernels) {
    for (const std::string backend : {"reference", "eigen", "openmp", "onednn"}) {
      if (registry.backends.find(backend) == nullptr) continue;
      benchmark::RegisterBenchmark((kernel.name + "/" + backend).c_str(),
                                   [&registry, options, &kernel, backend](benchmark::State& state) {
                                     run(state, registry, options, kernel, backend);
                                   })
          ->UseManualTime()
          ->Unit(benchmark::kMicrosecond);
    }
  }
  benchmark::RunSpecifiedBenchmarks();
}

}  // namespace
}  // namespace assay::speed

int main(int argc, char** argv) {
  return assay::speed::exit_code_of([&] { assay::speed::run(argc, argv); });
}
