// Sums, means and maxima over axes. The library's reduction runs along the last axis; a sum over others is a
// product with a row of ones, 1ᵀ X, which the matrix kernels do at the speed of memory. Bias gradients of
// convolutions, sums over [0, 2, 3], are taken in the blocked layout that the cotangent lies in.
#include "assay/ops/reduce.h"

#include <algorithm>

#include "backends/onednn/context.h"
#include "backends/onednn/sequence.h"

namespace assay::onednn {
namespace {

using dnnl::algorithm;
using dnnl::memory;

// The input's axes merged into runs: kept and reduced ones in turn.
struct Run {
  memory::dim extent;
  bool reduced;
};

std::vector<Run> runs_of(const Shape& shape, const std::vector<int>& axes) {
  std::vector<Run> runs;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == 1) continue;
    const bool reduced = std::ranges::find(axes, axis) != axes.end();
    if (!runs.empty() && runs.back().reduced == reduced) {
      runs.back().extent *= shape[axis];
    } else {
      runs.push_back({shape[axis], reduced});
    }
  }
  return runs;
}

Buffer ones(Sequence& sequence, memory::dim count) {
  return sequence.constant(std::vector<float>(static_cast<std::size_t>(count), 1.0f));
}

// y [before, after] = Σ_n x [before, n, after], as products of a row of ones with each matrix [n, after]; the
// rows of y may lie in a wider or narrower matrix: `columns` of them are wanted of the `after` that x has.
void add_middle_sum(const Context& context, Sequence& sequence, memory::dim before, memory::dim n,
                    memory::dim after, memory::dim columns, Buffer x, Buffer y) {
  const auto f32 = memory::data_type::f32;
  const MemoryDesc row = row_major({1, 1, n});
  const MemoryDesc matrix({before, n, columns}, f32, Dims{n * after, after, 1});
  const Buffer row_of_ones = ones(sequence, n);
  if (before == 1) {
    sequence.add(matmul(context.engine, row_major({1, n}), MemoryDesc({n, columns}, f32, Dims{after, 1}),
                        MemoryDesc(), row_major({1, columns})),
                 {{DNNL_ARG_SRC, row_of_ones}, {DNNL_ARG_WEIGHTS, x}, {DNNL_ARG_DST, y}});
    return;
  }
  sequence.add(matmul(context.engine, row, matrix, MemoryDesc(), row_major({before, 1, columns})),
               {{DNNL_ARG_SRC, row_of_ones}, {DNNL_ARG_WEIGHTS, x}, {DNNL_ARG_DST, y}});
}

// y [before] = reduction of x [before, n].
void add_last(const Context& context, Sequence& sequence, algorithm kind, memory::dim before, memory::dim n,
              Buffer x, Buffer y) {
  sequence.add(reduction(context.engine, kind, row_major({before, n}), row_major({before, 1})),
               {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}});
}

// y = y / count, element by element.
void add_division(const Context& context, Sequence& sequence, memory::dim elements, memory::dim count,
                  Buffer y) {
  const Buffer divisor = sequence.constant({static_cast<float>(count)});
  const MemoryDesc desc = row_major({elements});
  sequence.add(binary(context.engine, algorithm::binary_div, desc, row_major({1}), desc),
               {{DNNL_ARG_SRC_0, y}, {DNNL_ARG_SRC_1, divisor}, {DNNL_ARG_DST, y}});
}

// One run of reduced axes after the other, from the last to the first, each into the next intermediate value.
Offer offer_sum(const Context& context, const Site& site, bool average) {
  const Shape& x = site.input(0).shape;
  const std::vector<int> axes = normalized_axes(site.fields().integers("axes"), x.rank());
  std::vector<Run> runs = runs_of(x, axes);
  const memory::dim elements = site.output().count();
  if (std::ranges::none_of(runs, &Run::reduced))
    return Refusal{"nothing to add up: every reduced axis has extent 1"};
  Sequence sequence(context);
  Buffer from = Buffer::input(0);
  while (true) {
    std::size_t last = runs.size() - 1;
    while (!runs[last].reduced) --last;
    memory::dim before = 1, after = 1;
    for (std::size_t i = 0; i < last; ++i) before *= runs[i].extent;
    for (std::size_t i = last + 1; i < runs.size(); ++i) after *= runs[i].extent;
    const memory::dim n = runs[last].extent;
    runs.erase(runs.begin() + static_cast<std::ptrdiff_t>(last));
    const bool done = std::ranges::none_of(runs, &Run::reduced);
    const Buffer to = done ? Buffer::output(0) : sequence.scratch(row_major({before, after}));
    if (after == 1) {
      add_last(context, sequence, algorithm::reduction_sum, before, n, from, to);
    } else {
      add_middle_sum(context, sequence, before, n, after, after, from, to);
    }
    if (done) break;
    from = to;
  }
  if (average) add_division(context, sequence, elements, x.count() / elements, Buffer::output(0));
  Offer offer = sequence.plan(site.op().name);
  // A sum of everything is the same in every layout without padding.
  const MemoryDesc* own = elements == 1 ? context.layouts.find(site.inputs[0].layout) : nullptr;
  if (Plan* plan = std::get_if<Plan>(&offer); plan != nullptr && own != nullptr && !is_padded(*own))
    plan->inputs = {site.inputs[0].layout};
  return offer;
}

// Sums over the batch and the pixels of an image with blocked channels [N, C/b, H·W, b]: over H·W, then over
// N. The padding of the last block is left out.
std::optional<Offer> offer_blocked_sum(const Context& context, const Site& site) {
  const MemoryDesc* own = context.layouts.find(site.inputs[0].layout);
  if (own == nullptr || site.input(0).shape.rank() != 4) return std::nullopt;
  const std::optional<ImageFormat> format = image_format_of(*own);
  const bool blocked = format == ImageFormat::blocked8 || format == ImageFormat::blocked16;
  if (!blocked || normalized_axes(site.fields().integers("axes"), 4) != std::vector<int>{0, 2, 3}) {
    return std::nullopt;
  }
  const Shape& x = site.input(0).shape;
  const memory::dim lanes = format == ImageFormat::blocked16 ? 16 : 8;
  const memory::dim blocks = (x[1] + lanes - 1) / lanes;
  Sequence sequence(context);
  const Buffer rows = sequence.scratch(row_major({x[0], blocks * lanes}));
  add_middle_sum(context, sequence, x[0] * blocks, x[2] * x[3], lanes, lanes, Buffer::input(0), rows);
  add_middle_sum(context, sequence, 1, x[0], blocks * lanes, x[1], rows, Buffer::output(0));
  Offer offer = sequence.plan("sum");
  if (Plan* plan = std::get_if<Plan>(&offer)) plan->inputs = {site.inputs[0].layout};
  return offer;
}

}  // namespace

void add_reduction_kernels(KernelTable& kernels, Context& context) {
  kernels.add(
      "sum",
      [&context](const Site& site) {
        std::optional<Offer> blocked = offer_blocked_sum(context, site);
        if (blocked && std::holds_alternative<Plan>(*blocked)) return *std::move(blocked);
        return offer_sum(context, site, false);
      },
      "onednn");
  kernels.add(
      "mean", [&context](const Site& site) { return offer_sum(context, site, true); }, "onednn");
  kernels.add(
      "max", [](const Site&) -> Offer { return Refusal{"oneDNN's maximum loses a NaN"}; }, "onednn");
}

}  // namespace assay::onednn
