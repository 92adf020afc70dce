// Check: the verdict of one oracle on one subject — an op of a backend on a geometry, a derivative rule, a
// step of a program — with the theorem, contract or equality that it rests on. Report: all checks of a run.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "assay/core/dtype.h"

namespace assay::verify {

/// Where a verdict comes from; each has a letter in reports.
enum class Oracle : std::uint8_t {
  exact,        ///< E: equal to the reference on exact integers, every element
  poison,       ///< P: buffers, inputs and history: nothing read that was not given, nothing else written
  lockstep,     ///< L: within a rounding bound of the reference in a wider format, on the same inputs
  bias,         ///< S: no systematic relative error, by the residuals' correlation with the signal
  dual,         ///< D: ⟨Jv, u⟩ = ⟨v, Jᵀu⟩ with Jv by dual numbers
  difference,   ///< F: the same by central differences
  taylor,       ///< T: the remainder of the first-order expansion falls with the square of the step
  repeat,       ///< R: the same bits again, and on any number of threads
  metamorphic,  ///< M: what must hold between two runs of one kernel
  known,        ///< V: values known from elsewhere: derived on paper, or by an independent program
  contract,     ///< C: a function within its declared accuracy
  program,      ///< G: the compiled program does what its graph says
};
inline constexpr int kOracleCount = 12;

char letter_of(Oracle oracle) noexcept;
/// "exact lattice", "poison", ...
std::string_view name_of(Oracle oracle) noexcept;

enum class Status : std::uint8_t {
  passed,
  failed,
  skipped,  ///< the oracle says nothing about this subject, or the backend refuses it: see the detail
};

/// What a subject is, and is counted as. Of a program as a whole nothing is counted.
enum class SubjectKind : std::uint8_t { op, component, graph, tensor, program };

struct Subject {
  std::string op;         ///< "conv2d", "linear+relu", a parameter's name
  std::string backend{};  ///< empty for what does not depend on one: a derivative rule
  std::string implementation{};
  DType dtype = DType::f32;
  std::string geometry{};  ///< the case's label, or the layer in a program
  std::string shapes{};    ///< "f32[2, 3] f32[4, 3]"
  SubjectKind kind = SubjectKind::op;
};

/// What an oracle says: a Check without its subject.
struct Outcome {
  Status status = Status::passed;
  std::string basis{};
  std::string detail{};
  double ratio = 0.0;
  std::int64_t judged = 0;

  static Outcome skipped(std::string why) { return {Status::skipped, {}, std::move(why), 0, 0}; }
  static Outcome failed(std::string basis, std::string detail) {
    return {Status::failed, std::move(basis), std::move(detail), 0, 0};
  }

  /// And what it says of more data. The first failure stands, the basis is the first one, and what is skipped
  /// takes nothing from what was judged.
  void add(Outcome more);
};

struct Check {
  Oracle oracle = Oracle::exact;
  Subject subject;
  Status status = Status::passed;
  std::string basis{};      ///< "γ_k with k = 784, any order", "exact", "4 ulp by contract"
  std::string detail{};     ///< of a failure: tensor, indices, both values; of a skip: why
  double ratio = 0.0;       ///< largest error as a share of its bound; 0 for exact equality
  std::int64_t judged = 0;  ///< numbers compared
  int position = 0;         ///< of a step: where its result stands in the graph
  std::string reproduce{};  ///< a command that runs this check alone

  void settle(Outcome outcome);
  /// Settles by what the oracle says, under the name of this check; an exception is a failure.
  void judge(const std::function<Outcome()>& oracle);

  /// "E conv2d openmp f32 stride 2": what -k selects by.
  std::string id() const;
};

class Report {
 public:
  void add(Check check) { checks_.push_back(std::move(check)); }
  void append(Report other);

  const std::vector<Check>& checks() const { return checks_; }
  std::int64_t count(Status status) const;
  /// Something was checked, and nothing failed.
  bool ok() const;
  explicit operator bool() const { return ok(); }

  /// "1234 checks on 60 ops, 4 backends, 2 dtypes and 500 shapes: 1200 passed, 0 failed, 34 skipped (...)".
  std::string summary() const;
  /// Failures with their details (a few of each kind), then the summary.
  std::string to_string() const;
  std::string to_json() const;
  std::string to_junit() const;

  /// For a test: EXPECT_TRUE(report) << report.
  friend std::ostream& operator<<(std::ostream& out, const Report& report) {
    return out << report.to_string();
  }

 private:
  std::vector<Check> checks_;
};

}  // namespace assay::verify
