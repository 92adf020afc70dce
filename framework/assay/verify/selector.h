// Selector: the expression behind -k. "conv2d and not f64", "\"E conv2d\" or pool", "=E conv2d eigen f32
// unit": phrases are sought inside a check's id. An expression that starts with '=' is one whole id, and so
// is a phrase in quotation marks that does: "\"=E conv2d eigen f32 unit\" or \"=L linear\"".
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace assay::verify {

class Selector {
 public:
  /// An empty expression selects everything. Throws Error where parentheses or operators do not fit.
  explicit Selector(std::string_view expression = "");
  ~Selector();
  Selector(Selector&&) noexcept;
  Selector& operator=(Selector&&) noexcept;

  bool matches(std::string_view id) const;
  bool everything() const { return root_ == nullptr; }

  struct Expression;

 private:
  std::unique_ptr<const Expression> root_;
};

/// The expression for those of `ids` that `expression` selects, too.
std::string select_among(std::span<const std::string> ids, std::string_view expression = "");

}  // namespace assay::verify
