// Kernels that work by other settings than the op's: a setting ignored, exaggerated, or with its numbers
// swapped, wherever the shapes stay what they are.
#include <algorithm>
#include <utility>

#include "assay/core/error.h"
#include "assay/faults/fault.h"
#include "assay/faults/faulty_backend.h"
#include "assay/faults/sites.h"
#include "assay/verify/op_site.h"

namespace assay::faults {
namespace {

using Change = std::function<FieldValue(const FieldValue&)>;

struct Kind {
  std::string name;
  FieldKind field;
  std::string defect;
  Change change;
};

template <class T, class F>
Change on(F f) {
  return [f](const FieldValue& value) -> FieldValue {
    const T* held = std::get_if<T>(&value);
    return held == nullptr ? value : FieldValue(f(*held));
  };
}

std::vector<Kind> kinds() {
  using Integers = std::vector<std::int64_t>;
  const auto turned = [](Integers v) {
    if (v.size() == 4) {
      std::swap(v[0], v[1]);
      std::swap(v[2], v[3]);
    } else {
      std::ranges::reverse(v);
    }
    return v;
  };
  const auto crossed = [](Integers v) {
    std::rotate(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
    return v;
  };
  const auto shifted = [](Integers v) {
    if (v.size() != 4 || v[1] == 0) return v;
    ++v[0];
    --v[1];
    return v;
  };
  return {
      {"times 10", FieldKind::number, "denizyuret/Knet.jl#288", on<double>([](double x) { return x * 10; })},
      {"halved", FieldKind::number, "apache/mxnet#1053", on<double>([](double x) { return x / 2; })},
      {"ignored", FieldKind::number, "denizyuret/Knet.jl#288", on<double>([](double) { return 0.0; })},
      {"negated", FieldKind::boolean, "pytorch/pytorch#59615", on<bool>([](bool x) { return !x; })},
      {"one more", FieldKind::integer, "NervanaSystems/neon#111",
       on<std::int64_t>([](std::int64_t x) { return x + 1; })},
      {"one less", FieldKind::integer, "NervanaSystems/neon#111",
       on<std::int64_t>([](std::int64_t x) { return x - 1; })},
      {"turned round", FieldKind::pair, "uxlfoundation/oneDNN#4124", on<Integers>(turned)},
      {"turned round", FieldKind::integers, "ahrefs/ocannl#512", on<Integers>(turned)},
      {"height for width", FieldKind::integers, "ahrefs/ocannl#512", on<Integers>(crossed)},
      {"one too far", FieldKind::integers, "tracel-ai/burn#4806", on<Integers>(shifted)},
  };
}

int class_of(const std::string& field) {
  for (const std::string_view geometry : {"stride", "padding", "dilation", "size", "groups", "count_padding",
                                          "input", "kernel", "before", "after"}) {
    if (field == geometry) return 9;
  }
  for (const std::string_view axis : {"axis", "axes", "keep"}) {
    if (field == axis) return 7;
  }
  if (field == "rate" || field == "stream") return 23;
  if (field.starts_with("transpose")) return 15;
  if (field == "start" || field == "stop" || field == "count") return 24;
  if (field == "label_smoothing") return 2;
  return 6;
}

// The site with one field changed, where the op still has these shapes.
bool misread(Site& site, std::vector<Fields>& kept, const std::string& field, const Change& change) {
  SiteOp& op = site.ops.front();
  const FieldValue* value = op.fields->find(field);
  if (value == nullptr) return false;
  kept.assign(1, *op.fields);
  kept.front().set(field, change(*value));
  try {
    (void)complete(op.op->fields, kept.front(), "op '" + op.op->name + "'");
    if (op.op->infer({op.inputs, kept.front()}) != op.outputs) return false;
  } catch (const Error&) {
    return false;
  }
  op.fields = &kept.front();
  return true;
}

// Whether any case keeps its shapes under the change, and has other settings by it.
bool possible(const OpTable& ops, const OpDef& op, const std::string& field, const Change& change) {
  return std::ranges::any_of(op.cases, [&](const Case& c) {
    const verify::OpSite site = verify::make_op_site(ops, op, c, DType::f32);
    Site changed = site.site();
    std::vector<Fields> kept;
    return misread(changed, kept, field, change) && !(kept.front() == *site.site().ops.front().fields);
  });
}

}  // namespace

std::vector<Fault> field_faults(const Registry& registry) {
  const Sites sites(registry);
  std::vector<Fault> faults;
  std::size_t turn = 0;
  for (const Kind& kind : kinds()) {
    for (const OpDef* op : ops_with_kernels(registry)) {
      ++turn;
      const std::string& backend = sites.one(op->name, turn);
      for (const FieldDef& field : op->fields) {
        if (field.kind != kind.field || !possible(registry.ops, *op, field.name, kind.change)) continue;
        const KernelFault fault{
            .misread = [name = field.name, change = kind.change](Site& site, std::vector<Fields>& kept) {
              return misread(site, kept, name, change);
            }};
        faults.push_back(
            {field.name + " " + kind.name, class_of(field.name), op->name, backend, kind.defect, 0,
             "the setting is what the change makes of it, or the shapes are others by it, in every case",
             [backend, name = op->name, fault](Registry& r) { damage_backend(r, backend, name, fault); }});
      }
    }
  }
  return faults;
}

}  // namespace assay::faults
