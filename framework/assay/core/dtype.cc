#include "assay/core/dtype.h"

#include <array>
#include <string>
#include <vector>

#include "assay/core/bound.h"
#include "assay/core/error.h"
#include "assay/core/quad.h"
#include "assay/core/scalar.h"

namespace assay {
namespace {

struct Row {
  DType dtype;
  std::string_view name;
  std::size_t size;
};

constexpr std::array<Row, 10> kRows{{
    {DType::f32, "f32", sizeof(float)},
    {DType::f64, "f64", sizeof(double)},
    {DType::i32, "i32", sizeof(std::int32_t)},
    {DType::u8, "u8", sizeof(std::uint8_t)},
    {DType::quad, "quad", sizeof(Quad)},
    {DType::dual64, "dual64", sizeof(Dual<double>)},
    {DType::dual_quad, "dual_quad", sizeof(Dual<Quad>)},
    {DType::bound32, "bound32", sizeof(Bound32)},
    {DType::bound64, "bound64", sizeof(Bound64)},
    {DType::lattice, "lattice", sizeof(Lattice)},
}};

constexpr std::array<DType, kRows.size()> kAll = [] {
  std::array<DType, kRows.size()> all{};
  for (std::size_t i = 0; i < kRows.size(); ++i) all[i] = kRows[i].dtype;
  return all;
}();

}  // namespace

std::size_t size_of(DType dtype) noexcept { return kRows[static_cast<std::size_t>(dtype)].size; }
std::string_view name_of(DType dtype) noexcept { return kRows[static_cast<std::size_t>(dtype)].name; }
std::span<const DType> all_dtypes() noexcept { return kAll; }

DType parse_dtype(std::string_view name) {
  std::vector<std::string> names;
  for (const Row& row : kRows) {
    if (row.name == name) return row.dtype;
    names.emplace_back(row.name);
  }
  throw Error("unknown dtype '" + std::string(name) + "'").help(suggestion("dtype", name, names));
}

}  // namespace assay
