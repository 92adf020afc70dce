#include "assay/verify/other_settings.h"

#include <fmt/format.h>

#include "assay/core/error.h"
#include "assay/verify/op_site.h"
#include "assay/verify/statistics.h"

namespace assay::verify {

std::vector<Case> with_other_settings(const OpTable& ops, const OpDef& op, const Case& c) {
  std::vector<Case> others;
  for (const FieldDef& field : op.fields) {
    if (field.kind != FieldKind::number) continue;
    for (const double value : kSettingsLadder) {
      if (value < field.minimum || value > field.maximum) continue;
      Case other = c;
      other.fields.set(field.name, value);
      other.label += fmt::format(", {} {}", field.name, value);
      try {
        (void)make_op_site(ops, op, other, DType::f64);
      } catch (const Error&) {
        continue;
      }
      others.push_back(std::move(other));
    }
  }
  return others;
}

}  // namespace assay::verify
