// Fault: one defect of the catalogue by which the verification is measured — in a kernel of a backend, in the
// settings that a kernel works by, in an op's derivative rule (each switched on in a registry at run time), or
// in what the compiler makes of a graph.
// A library of its own (assay_faults), linked to the command line and to tests: nothing that computes knows
// it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "assay/registry/registry.h"
#include "assay/verify/experiment.h"

namespace assay::faults {

/// Classes of defects, numbered as in the verification's report.
inline constexpr int kClassCount = 26;
/// "sign flipped". REQUIRES: 1 <= number <= kClassCount.
std::string_view class_name(int number);

struct Fault {
  std::string kind;       ///< "sign flipped"
  int number = 0;         ///< of its class
  std::string op;         ///< where
  std::string backend{};  ///< whose kernel; empty: the derivative rule
  std::string defect{};   ///< a real one of this kind: "HIPS/autograd#412"
  double coherent = 0;    ///< relative error of every element alike, or 0
  /// Why this changes nothing observable on ops where it does not; empty: that would be a gap.
  std::string equivalent{};
  std::function<void(Registry&)> inject{};
  /// Of a fault of the compiler, which no registry holds: what makes programs in its place.
  verify::Compile compile{};
  bool polynomial = false;  ///< the op is exact on integers

  /// "sign flipped conv2d openmp": what -k selects by.
  std::string id() const { return kind + " " + op + " " + (backend.empty() ? "rule" : backend); }
};

/// Every fault that fits the ops and backends of `registry`.
std::vector<Fault> catalogue(const Registry& registry);

// The parts that catalogue() is made of, each in a file of its name.
std::vector<Fault> kernel_faults(const Registry& registry);
std::vector<Fault> input_faults(const Registry& registry);
std::vector<Fault> field_faults(const Registry& registry);
std::vector<Fault> function_faults(const Registry& registry);
std::vector<Fault> rule_faults(const Registry& registry);
std::vector<Fault> reported_faults(const Registry& registry);
std::vector<Fault> program_faults(const Registry& registry);

}  // namespace assay::faults
