// M: a batch is its rows. Where the reference shows on a few parts that the op takes each by itself, it must
// give for each of many what it gives for that one alone. A definition that is wrong from some element on is
// wrong in all dtypes alike: where no other backend has the op, nothing else stands beside it.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "assay/verify/enlarge.h"
#include "assay/verify/op_checks.h"
#include "assay/verify/statistics.h"

namespace assay::verify {
namespace {

// How a tensor consists of parts: one behind another along an axis, or the same in all of them.
struct Cut {
  Spec part;
  int axis = 0;
  std::int64_t parts = 1;

  bool along_an_axis() const { return parts > 1; }

  Tensor take(const Tensor& whole, std::int64_t number) const {
    if (!along_an_axis()) return whole.clone();
    Tensor piece(part);
    for_each_run(number, [&](std::int64_t in_piece, std::int64_t in_whole, std::size_t bytes) {
      std::memcpy(at(piece, in_piece), at(whole, in_whole), bytes);
    });
    return piece;
  }

  // REQUIRES: along_an_axis().
  void put(const Tensor& piece, std::int64_t number, Tensor& whole) const {
    for_each_run(number, [&](std::int64_t in_piece, std::int64_t in_whole, std::size_t bytes) {
      std::memcpy(at(whole, in_whole), at(piece, in_piece), bytes);
    });
  }

 private:
  static std::byte* at(const Tensor& tensor, std::int64_t run) {
    return static_cast<std::byte*>(tensor.data()) + run;
  }

  // f(offset in the piece, offset in the whole, length), in bytes.
  template <class F>
  void for_each_run(std::int64_t number, F f) const {
    const std::int64_t runs = part.shape.count(0, axis);
    const std::int64_t bytes = static_cast<std::int64_t>(part.bytes()) / runs;
    for (std::int64_t i = 0; i < runs; ++i)
      f(i * bytes, (i * parts + number) * bytes, static_cast<std::size_t>(bytes));
  }
};

// Nothing where `whole` is not `parts` times `part` along one axis, nor `part`.
std::optional<Cut> cut(const Spec& whole, const Spec& part, std::int64_t parts) {
  if (whole == part) return Cut{part};
  if (whole.shape.rank() != part.shape.rank() || whole.count() != parts * part.count()) return std::nullopt;
  int axis = 0;
  while (whole.shape[axis] == part.shape[axis]) ++axis;
  if (!(whole.shape == part.shape.with(axis, parts * part.shape[axis]))) return std::nullopt;
  return Cut{part, axis, parts};
}

std::optional<std::vector<Cut>> cut_all(const std::vector<Port>& whole, const std::vector<Port>& part,
                                        std::int64_t parts) {
  std::vector<Cut> cuts;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    const std::optional<Cut> next = cut(whole[i].spec, part[i].spec, parts);
    if (!next) return std::nullopt;
    cuts.push_back(*next);
  }
  return cuts;
}

std::int64_t parts_of(const Site& whole, const Site& part) {
  std::int64_t parts = 1;
  for (std::size_t i = 0; i < whole.inputs.size(); ++i)
    parts = std::max(parts, whole.input(i).count() / part.input(i).count());
  return parts;
}

// The reference in quad on `elements` numbers, as one whole beside parts like `part`, each run alone. Nothing
// where the results do not consist of parts.
std::optional<Comparison> whole_beside_parts(const OpChecks& checks, const Case& part,
                                             std::int64_t elements) {
  const OpTable& ops = checks.registry.ops;
  const std::optional<Case> whole = enlarged(ops, checks.op, part, Axis::outermost, elements);
  if (!whole) return std::nullopt;
  const OpSite one_site = make_op_site(ops, checks.op, part, DType::quad),
               all_site = make_op_site(ops, checks.op, *whole, DType::quad);
  std::string refusal;
  const BoundKernel one = bind_kernel(*checks.reference, one_site.site(), refusal),
                    all = bind_kernel(*checks.reference, all_site.site(), refusal);
  if (!one.kernel || !all.kernel) return std::nullopt;
  const std::int64_t parts = parts_of(all.site, one.site);
  const auto inputs = cut_all(all.site.inputs, one.site.inputs, parts),
             outputs = cut_all(all.site.outputs, one.site.outputs, parts);
  if (!inputs || !outputs || !std::ranges::all_of(*outputs, &Cut::along_an_axis)) return std::nullopt;

  const std::vector<Tensor> given = make_inputs(*whole, DType::quad, {.seed = checks.options.seed});
  const std::vector<Tensor> got = run(all, given);
  std::vector<Tensor> want = convert_all(got, DType::quad);
  for (std::int64_t number = 0; number < parts; ++number) {
    std::vector<Tensor> pieces;
    for (std::size_t i = 0; i < given.size(); ++i) pieces.push_back((*inputs)[i].take(given[i], number));
    const std::vector<Tensor> made = run(one, pieces);
    for (std::size_t o = 0; o < made.size(); ++o) (*outputs)[o].put(made[o], number, want[o]);
  }
  if (!same_bits(got, want)) return compare_exactly(got, want, checks.op.outputs);
  Comparison equal;
  for (const Tensor& output : got) equal.judged += output.count();
  return equal;
}

}  // namespace

Outcome check_rows(const OpChecks& checks) {
  const std::vector<const Case*> cases = with_elements(checks.op.cases);
  std::vector<const Case*> parts = largest(cases, cases.size(), kPartElements);
  for (const Case* part : parts) {
    const auto few = whole_beside_parts(checks, *part, 2 * kPartElements);
    if (!few || few->failed > 0) continue;
    const auto many = whole_beside_parts(checks, *part, kSharedElements);
    if (!many) continue;
    const std::string basis = "exact: rows among many are what they are alone";
    if (many->failed > 0) return Outcome::failed(basis, many->detail);
    return {Status::passed, basis, {}, 0, many->judged};
  }
  return Outcome::skipped("M: the op takes no rows by themselves");
}

}  // namespace assay::verify
