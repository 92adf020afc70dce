// OpDef: one mathematical function on tensors as a record — its name, fields, shape rule, derivative rule,
// expansion and geometry cases. An op touches no data and knows no backend. The ops themselves are in
// assay/ops/.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "assay/core/named_table.h"
#include "assay/core/shape.h"
#include "assay/graph/fields.h"

namespace assay {

class Value;
class Vjp;

/// An op's arguments while shapes are inferred.
struct Call {
  std::span<const Spec> inputs;
  const Fields& fields;  ///< complete: every field of the op, in order
};

/// Specs of all outputs. Throws Error for operands that do not fit, showing both sides.
using InferRule = std::function<std::vector<Spec>(const Call&)>;

/// Adds to the cotangent of each wanted input, built from ordinary ops (see Vjp in differentiate.h).
using DerivativeRule = std::function<void(Vjp&)>;

/// The same function in finer ops: given the inputs, builds and returns all outputs.
using ExpandRule = std::function<std::vector<Value>(std::span<const Value> inputs, const Fields& fields)>;

/// The multiply-adds of a product of matrices or a convolution on these operands, for the speed reports.
using WorkRule = std::function<double(const Call&, std::span<const Spec> outputs)>;

/// What values an input of a case may hold, so that random data stays inside the op's domain.
enum class Domain : std::uint8_t {
  real,      ///< any sign, of order one
  positive,  ///< of order one; 0 where zeros are tried (a moment before the first step, a constant channel)
  nonzero,   ///< any sign, bounded away from zero always
  index,     ///< i32 in [0, limit)
  step,      ///< i32 in [1, limit], a step counter
  mask,      ///< u8, 0 or 1
  key,       ///< i32 random words
};

struct CaseInput {
  Shape shape;
  Domain domain = Domain::real;
  std::int64_t limit = 0;
};

/// One geometry on which the op is to be verified; real inputs take the dtype under test.
struct Case {
  std::string label;
  std::vector<CaseInput> inputs;
  Fields fields{};
};

/// Cases as a list, or as a function that makes the list when somebody first reads it: verification does, and
/// nothing that only trains should wait for thousands of them. Copies share the list.
class Cases {
 public:
  Cases() = default;
  Cases(std::initializer_list<Case> all) : Cases(std::vector<Case>(all)) {}
  Cases(std::vector<Case> all) : Cases([all = std::move(all)] { return all; }) {}
  template <class Make>
  requires std::is_invocable_r_v<std::vector<Case>, Make> Cases(Make make)
      : list_(std::make_shared<List>(std::move(make))) {}

  operator const std::vector<Case>&() const { return all(); }
  auto begin() const { return all().begin(); }
  auto end() const { return all().end(); }
  bool empty() const { return all().empty(); }
  std::size_t size() const { return all().size(); }
  const Case* data() const { return all().data(); }
  const Case& front() const { return all().front(); }
  const Case& back() const { return all().back(); }
  void push_back(Case added) {
    std::vector<Case> list = all();
    list.push_back(std::move(added));
    *this = Cases(std::move(list));
  }

 private:
  struct List {
    explicit List(std::function<std::vector<Case>()> make) : make(std::move(make)) {}
    std::function<std::vector<Case>()> make;
    std::once_flag made;
    std::vector<Case> all;
  };
  const std::vector<Case>& all() const {
    static const std::vector<Case> none;
    if (!list_) return none;
    std::call_once(list_->made, [this] {
      list_->all = list_->make();
      list_->make = nullptr;
    });
    return list_->all;
  }
  std::shared_ptr<List> list_;
};

/// An operand that leaves the other one as it is: where input `operand` is `value` everywhere and output 0
/// has the spec of the other input, output 0 is that input to the last bit.
struct Neutral {
  int operand = 0;
  double value = 0.0;
};

struct OpDef {
  std::string name;
  std::string formula;  ///< one line, in the notation of the article where it has one
  std::vector<std::string>
      inputs;  ///< names; a trailing '?' marks an input that may be left out, '*' a repeated one
  std::vector<std::string> outputs;  ///< names
  std::vector<FieldDef> fields{};
  InferRule infer;
  DerivativeRule derivative{};  ///< empty: differentiated through `expand`, or not differentiable
  ExpandRule expand{};          ///< empty: the op is atomic
  Cases cases{};

  bool view = false;        ///< output 0 is input 0 under another shape: no kernel runs
  bool activation = false;  ///< x -> y, one function of every element: a layer of that name stands for it
  bool polynomial = false;  ///< + − × (and divisions by counts) only: exact on the lattice
  std::vector<int>
      undifferentiated{};  ///< inputs through which no derivative flows by definition (a mask, a statistic)
  std::vector<int> refused{};  ///< inputs whose cotangent the rule refuses: what is not differentiable twice
  std::vector<Neutral> neutral{};  ///< of an op of two inputs: 1 for a product
  WorkRule multiply_adds{};        ///< empty: the op's time is that of reading and writing, not of arithmetic
};

using OpTable = NamedTable<OpDef>;

}  // namespace assay
