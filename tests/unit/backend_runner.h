// Runs graphs on one backend, with the reference behind it, on data that the tests of the backends share.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "assay/core/random.h"
#include "assay/core/tensor.h"
#include "assay/program/place.h"
#include "assay/program/program.h"
#include "assay/registry/registry.h"

namespace assay::test {

/// Integers in [-4, 4], of which sums are exact as long as they stay below 2^24.
inline Tensor integers(const Spec& spec, std::uint64_t seed) {
  std::vector<double> values(static_cast<std::size_t>(spec.count()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<double>(random_below({seed, 0}, 0, 0, static_cast<std::uint32_t>(i), 9)) - 4.0;
  }
  return Tensor::of(spec.dtype, spec.shape, values);
}

/// Numbers in [-4, 4).
inline Tensor reals(const Spec& spec, std::uint64_t seed) {
  std::vector<double> values(static_cast<std::size_t>(spec.count()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = 8.0 * random_uniform({seed, 0}, 0, 0, static_cast<std::uint32_t>(i)) - 4.0;
  }
  return Tensor::of(spec.dtype, spec.shape, values);
}

inline bool same_bits(const Tensor& a, const Tensor& b) {
  return a.spec() == b.spec() && std::memcmp(a.data(), b.data(), a.spec().bytes()) == 0;
}

class BackendRunner {
 public:
  BackendRunner() {
    register_builtin(registry_);
    reference_ = registry_.create_backend("reference", {}, 1);
  }

  /// False where this build has no such backend.
  bool select(const std::string& name, int threads, const Fields& fields = {}) {
    if (registry_.backends.find(name) == nullptr) return false;
    backend_ = registry_.create_backend(name, fields, threads);
    return true;
  }

  const OpTable& ops() const { return registry_.ops; }
  const Backend& backend() const { return *backend_; }
  const Backend& reference() const { return *reference_; }

  /// The graph's outputs, in order. Inputs are named "0", "1", ….
  std::vector<Tensor> run(const Graph& graph, const std::vector<Tensor>& inputs,
                          const CompileOptions& options = {}) {
    const Backend* const backends[] = {backend_.get(), reference_.get()};
    return run_on(backends, graph, inputs, options);
  }
  std::vector<Tensor> run_reference(const Graph& graph, const std::vector<Tensor>& inputs) {
    const Backend* const backends[] = {reference_.get()};
    return run_on(backends, graph, inputs, {});
  }

  /// A graph of one op, every output of which is wanted.
  Graph graph_of(std::string_view op, const std::vector<Tensor>& inputs, const Fields& fields = {}) const {
    Graph graph(registry_.ops);
    std::vector<Value> operands;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      operands.push_back(graph.input(std::to_string(i), inputs[i].spec()));
    }
    const std::vector<Value> results = graph.apply_all(op, operands, fields);
    for (std::size_t o = 0; o < results.size(); ++o) graph.output(std::to_string(o), results[o]);
    return graph;
  }

  Offer offer(std::string_view op, const std::vector<Spec>& inputs, const Fields& fields = {}) const {
    Graph graph(registry_.ops);
    std::vector<Value> operands;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      operands.push_back(graph.input(std::to_string(i), inputs[i]));
    }
    const std::int32_t nodes[] = {graph.apply_all(op, operands, fields).front().id().node};
    return backend_->offer(make_site(graph, nodes).site);
  }

  void expect_refusal(std::string_view op, const std::vector<Spec>& inputs, const Fields& fields,
                      std::string_view reason) const {
    const Offer answer = offer(op, inputs, fields);
    ASSERT_TRUE(std::holds_alternative<Refusal>(answer)) << op;
    EXPECT_NE(std::get<Refusal>(answer).reason.find(reason), std::string::npos)
        << op << ": " << std::get<Refusal>(answer).reason;
  }

  /// Of the last run.
  const std::vector<Placement>& placements() const { return placements_; }

 private:
  std::vector<Tensor> run_on(std::span<const Backend* const> backends, const Graph& graph,
                             const std::vector<Tensor>& inputs, const CompileOptions& options) {
    StateStore states;
    Arena arena;
    Program program = Program::compile(graph, backends, states, arena, options);
    placements_ = program.placements();
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      convert(inputs[i].view(), program.input(std::to_string(i)));
    }
    program.run();
    std::vector<Tensor> results;
    for (const auto& [name, id] : graph.outputs()) {
      const TensorView value = program.output(name);
      results.emplace_back(value.spec);
      convert(value, results.back().view());
    }
    return results;
  }

  Registry registry_;
  std::unique_ptr<Backend> backend_, reference_;
  std::vector<Placement> placements_;
};

}  // namespace assay::test
