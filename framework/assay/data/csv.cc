#include "assay/data/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <set>
#include <utility>

#include "assay/core/error.h"
#include "assay/core/utf8.h"
#include "assay/data/csv_reader.h"
#include "assay/data/file.h"

namespace assay {
namespace {

// The whole of `text` as a number; infinities and NaN are numbers here, and a number outside double's range
// is none.
std::optional<double> parse_number(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// A target cell, kept until its column is seen to be numbers or text.
struct TargetCell {
  CsvCell cell;
  std::optional<double> number;
};

class Table {
 public:
  Table(const std::filesystem::path& path, const CsvOptions& options, std::string_view content)
      : path_(path), options_(options), reader_(content, options.separator, path) {}

  Dataset read() {
    std::vector<CsvCell> cells;
    if (!reader_.next(cells)) file::fail(path_, "the table is empty");
    columns_ = cells.size();
    choose_targets(cells);
    if (options_.header && !reader_.next(cells)) file::fail(path_, "the table has a header and no rows");
    do {
      if (cells.size() != columns_) {
        reader_.fail(cells.front(),
                     fmt::format("this row has {} fields, but {} has {}", cells.size(),
                                 options_.header ? "the header" : "the first row", columns_),
                     "give each row one field per column");
      }
      read_row(cells);
    } while (reader_.next(cells));
    return finish();
  }

 private:
  void choose_targets(const std::vector<CsvCell>& first_row) {
    std::vector<std::string> names;
    for (const CsvCell& cell : first_row) names.push_back(options_.header ? cell.text : std::string());
    is_target_.assign(columns_, false);
    if (options_.target.empty()) file::fail(path_, "no target column is chosen", "name it: target: COLUMN");
    for (const std::string& wanted : options_.target) {
      const std::size_t column = find_column(wanted, names);
      if (is_target_[column])
        file::fail(path_, fmt::format("target column {} is chosen twice", in_quotes(wanted)));
      is_target_[column] = true;
      target_columns_.push_back(column);
    }
    inputs_per_row_ = columns_ - target_columns_.size();
    if (inputs_per_row_ == 0) file::fail(path_, "every column is a target: none is left for inputs");
  }

  std::size_t find_column(const std::string& wanted, const std::vector<std::string>& names) const {
    if (options_.header) {
      const auto count = std::ranges::count(names, wanted);
      if (count > 1)
        file::fail(path_, fmt::format("{} columns are named {}", count, in_quotes(wanted)),
                   "choose one by its number, from 0");
      if (count == 1) return static_cast<std::size_t>(std::ranges::find(names, wanted) - names.begin());
    }
    long index = 0;
    const char* last = wanted.data() + wanted.size();
    const auto [end, problem] = std::from_chars(wanted.data(), last, index);
    if (problem != std::errc() || end != last || wanted.empty()) {
      if (!options_.header) {
        file::fail(path_,
                   fmt::format("target {} names a column, but the file has no header", in_quotes(wanted)),
                   "choose the column by its number, from 0, or set header: true");
      }
      file::fail(path_, fmt::format("there is no column {}", in_quotes(wanted)),
                 file::suggest("column", wanted, names));
    }
    const auto count = static_cast<long>(columns_);
    if (index < -count || index >= count) {
      file::fail(path_, fmt::format("target column {} is out of range: the table has {} columns, 0 to {}",
                                    index, count, count - 1));
    }
    return static_cast<std::size_t>(index < 0 ? index + count : index);
  }

  void read_row(std::vector<CsvCell>& cells) {
    for (std::size_t column = 0; column < columns_; ++column) {
      if (cells[column].text.empty())
        reader_.fail(cells[column], "an empty cell", "fill in a value, or remove the row");
      if (!is_target_[column]) inputs_.push_back(number_in(cells[column]));
    }
    for (const std::size_t column : target_columns_) {
      targets_.push_back({cells[column], parse_number(cells[column].text)});
    }
    ++rows_;
  }

  double number_in(const CsvCell& cell) const {
    const std::optional<double> number = parse_number(cell.text);
    if (!number) {
      reader_.fail(cell,
                   fmt::format("{} is not a number, or beyond the range of a double", in_quotes(cell.text)),
                   "inputs are numbers with a decimal point; make a column of text the target, or remove it");
    }
    if (!std::isfinite(*number))
      reader_.fail(cell, fmt::format("{} is not finite", in_quotes(cell.text)),
                   "remove the row, or fill in a value");
    return *number;
  }

  bool targets_are_labels() const {
    const bool single = target_columns_.size() == 1;
    if (options_.target_kind == TargetReading::number) return false;
    if (options_.target_kind == TargetReading::label && !single) {
      file::fail(path_,
                 fmt::format("{} target columns, but class labels are one column", target_columns_.size()));
    }
    if (options_.target_kind == TargetReading::label) return true;
    const auto is_text = [](const TargetCell& target) { return !target.number.has_value(); };
    const auto text = std::ranges::find_if(targets_, is_text);
    if (text == targets_.end()) return false;
    if (!single) {
      reader_.fail(text->cell, fmt::format("{} is not a number", in_quotes(text->cell.text)),
                   "several target columns must be numbers");
    }
    const auto number = std::ranges::find_if_not(targets_, is_text);
    if (number == targets_.end()) return true;
    const CsvCell& odd = std::max(text, number)->cell;  // the first that differs from what stands above it
    reader_.fail(odd, fmt::format("the target column mixes numbers with text: {}", in_quotes(odd.text)),
                 "mend the cell, or set target_kind: label to take every cell as a class");
  }

  Dataset finish() {
    const auto rows = static_cast<std::int64_t>(rows_);
    Dataset data;
    data.inputs =
        file::allocate({DType::f64, Shape{rows, static_cast<std::int64_t>(inputs_per_row_)}}, path_);
    std::ranges::copy(inputs_, data.inputs.as<double>().begin());
    if (targets_are_labels()) {
      set_labels(data);
    } else {
      data.targets =
          file::allocate({DType::f64, Shape{rows, static_cast<std::int64_t>(target_columns_.size())}}, path_);
      std::ranges::transform(targets_, data.targets.as<double>().begin(),
                             [this](const TargetCell& target) { return number_in(target.cell); });
    }
    check(data, path_);
    return data;
  }

  void set_labels(Dataset& data) const {
    // Numbers first, by value; then text, by its bytes. Only finite numbers have an order.
    const auto is_number = [](const TargetCell* t) {
      return t->number.has_value() && std::isfinite(*t->number);
    };
    const auto before = [&](const TargetCell* a, const TargetCell* b) {
      if (is_number(a) != is_number(b)) return is_number(a);
      if (is_number(a) && *a->number != *b->number) return *a->number < *b->number;
      return a->cell.text < b->cell.text;
    };
    std::set<const TargetCell*, decltype(before)> distinct(before);
    for (const TargetCell& target : targets_) distinct.insert(&target);
    const std::vector<const TargetCell*> classes(distinct.begin(), distinct.end());
    for (const TargetCell* target : classes) data.class_names.push_back(target->cell.text);
    data.classes = static_cast<std::int64_t>(classes.size());
    data.targets = file::allocate({DType::i32, Shape{static_cast<std::int64_t>(rows_)}}, path_);
    std::ranges::transform(targets_, data.targets.as<std::int32_t>().begin(), [&](const TargetCell& target) {
      return static_cast<std::int32_t>(std::ranges::lower_bound(classes, &target, before) - classes.begin());
    });
  }

  const std::filesystem::path& path_;
  const CsvOptions& options_;
  CsvReader reader_;
  std::size_t columns_ = 0;
  std::size_t inputs_per_row_ = 0;
  std::size_t rows_ = 0;
  std::vector<bool> is_target_;
  std::vector<std::size_t> target_columns_;
  std::vector<double> inputs_;
  std::vector<TargetCell> targets_;
};

}  // namespace

Dataset read_csv(const std::filesystem::path& path, const CsvOptions& options) {
  if (std::string_view("\"\r\n").find(options.separator) != std::string_view::npos ||
      static_cast<unsigned char>(options.separator) >= 0x80) {
    file::fail(path, "the separator cannot be a quote, a line end or a character beyond ASCII");
  }
  const std::vector<std::byte> bytes = file::read(path);
  const std::string_view content(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return Table(path, options, content).read();
}

}  // namespace assay
