#include "assay/data/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "assay/core/error.h"
#include "assay/data/permutation.h"

namespace assay {
namespace {

// How many of `rows` rows a part named `part` takes.
std::size_t rows_of(double amount, std::int64_t rows, std::string_view part) {
  const auto fail = [&](const std::string& why) {
    throw Error(fmt::format("split: {} of {} {}", part, amount, why));
  };
  if (!(amount >= 0) || std::isinf(amount)) fail("is neither a number of rows nor a fraction");
  if (amount == 0) return 0;
  if (amount >= 1) {
    if (amount != std::floor(amount)) fail("is not a whole number of rows");
    if (amount > static_cast<double>(rows)) fail(fmt::format("is more than the {} training rows", rows));
    return static_cast<std::size_t>(amount);
  }
  const double taken = std::floor(amount * static_cast<double>(rows) + 0.5);
  if (taken == 0) fail(fmt::format("rounds to no rows: there are {}", rows));
  return static_cast<std::size_t>(taken);
}

}  // namespace

std::vector<FieldDef> split_fields() {
  const auto field = [](std::string name, std::string summary) {
    return FieldDef{.name = std::move(name),
                    .kind = FieldKind::number,
                    .summary = std::move(summary),
                    .fallback = 0.0,
                    .minimum = 0};
  };
  return {field("validation", "rows held back for validation: a number, or a fraction below 1"),
          field("test", "rows held back for testing: a number, or a fraction below 1")};
}

SplitOptions split_options(const Fields& fields) {
  return {fields.number("validation"), fields.number("test")};
}

void split(SplitDataset& data, const SplitOptions& options, std::uint64_t seed) {
  const std::int64_t rows = data.train.rows();
  const std::size_t validation = rows_of(options.validation, rows, "validation");
  const std::size_t test = rows_of(options.test, rows, "test");
  if (validation == 0 && test == 0) return;
  for (const auto& [wanted, present, part] :
       {std::tuple(validation, data.validation.has_value(), "validation"),
        std::tuple(test, data.test.has_value(), "test")}) {
    if (wanted > 0 && present) {
      throw Error(fmt::format("split: the data source brings a {} set of its own", part))
          .help(fmt::format("remove {} from split", part));
    }
  }
  if (validation + test >= static_cast<std::size_t>(rows)) {
    throw Error(fmt::format("split: {} rows for validation and {} for testing leave none of {} for training",
                            validation, test, rows));
  }
  std::vector<std::int32_t> order(static_cast<std::size_t>(rows));
  fill_permutation(order, {seed, stream_id("data/split")}, 0);
  const std::span<std::int32_t> chosen(order);
  const auto part = [&](std::size_t first, std::size_t count) {
    const auto selected = chosen.subspan(first, count);
    std::ranges::sort(selected);
    return take_rows(data.train, selected);
  };
  if (validation > 0) data.validation = part(0, validation);
  if (test > 0) data.test = part(validation, test);
  data.train = part(validation + test, order.size() - validation - test);
}

}  // namespace assay
