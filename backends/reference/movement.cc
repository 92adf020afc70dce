// Ops that move elements. reshape has a kernel too, a copy, for a program that wants a value in a buffer of
// its own.
#include <cstring>

#include "assay/ops/reduce.h"
#include "assay/program/generic_kernel.h"
#include "backends/reference/reference.h"
#include "backends/reference/strides.h"

namespace assay {
namespace {

using reference::Strides;

// y[i] = x[offset(i)] over the output's elements.
template <class T>
auto gather_strided(const Shape& shape, const Strides& strides) {
  return [shape, strides = std::array<Strides, 1>{strides}](const Io& io) {
    const T* x = io.in<T>(0);
    T* y = io.out<T>(0);
    reference::walk(shape, strides, [&](std::int64_t i, const auto& at) { y[i] = x[at[0]]; });
  };
}

template <class T>
auto transpose_loop(const Site& site) {
  const Strides own = reference::row_major_strides(site.input(0).shape);
  const auto& axes = site.fields().integers("axes");
  const int rank = site.input(0).shape.rank();
  Strides permuted{};
  for (int k = 0; k < rank; ++k) permuted[k] = own[axes[k] < 0 ? axes[k] + rank : axes[k]];
  return gather_strided<T>(site.output().shape, permuted);
}

// A tensor seen as [outer, extent, inner] around one axis.
struct Around {
  std::int64_t outer, extent, inner;
  Around(const Shape& shape, std::int64_t axis) {
    const int a = normalized_axes({axis}, shape.rank()).front();
    outer = shape.count(0, a);
    extent = shape[a];
    inner = shape.count(a + 1, shape.rank());
  }
};

template <class T>
auto concat_loop(const Site& site) {
  const Around y(site.output().shape, site.fields().integer("axis"));
  std::vector<std::int64_t> extents;
  for (const Port& port : site.inputs)
    extents.push_back(Around(port.spec.shape, site.fields().integer("axis")).extent);
  return [y, extents](const Io& io) {
    std::int64_t start = 0;
    for (std::size_t p = 0; p < extents.size(); ++p) {
      const T* x = io.in<T>(p);
      for (std::int64_t o = 0; o < y.outer; ++o) {
        for (std::int64_t i = 0; i < extents[p] * y.inner; ++i) {
          io.out<T>(0)[(o * y.extent + start) * y.inner + i] = x[o * extents[p] * y.inner + i];
        }
      }
      start += extents[p];
    }
  };
}

template <class T>
auto slice_loop(const Site& site) {
  const Around x(site.input(0).shape, site.fields().integer("axis"));
  const std::int64_t start = site.fields().integer("start"), length = site.fields().integer("stop") - start;
  return [=](const Io& io) {
    for (std::int64_t o = 0; o < x.outer; ++o) {
      for (std::int64_t i = 0; i < length * x.inner; ++i) {
        io.out<T>(0)[o * length * x.inner + i] = io.in<T>(0)[(o * x.extent + start) * x.inner + i];
      }
    }
  };
}

template <class T>
auto pad_loop(const Site& site) {
  const Around x(site.input(0).shape, site.fields().integer("axis"));
  const Around y(site.output().shape, site.fields().integer("axis"));
  const std::int64_t before = site.fields().integer("before");
  return [=](const Io& io) {
    for (std::int64_t o = 0; o < y.outer; ++o) {
      for (std::int64_t e = 0; e < y.extent; ++e) {
        const bool inside = e >= before && e < before + x.extent;
        for (std::int64_t i = 0; i < y.inner; ++i) {
          io.out<T>(0)[(o * y.extent + e) * y.inner + i] =
              inside ? io.in<T>(0)[(o * x.extent + e - before) * x.inner + i] : T(0);
        }
      }
    }
  };
}

// A value that no comparison passes on: NaN, or the lattice's invalid.
template <class T>
T not_a_number() {
  return T(0) / T(0);
}

template <class T>
auto gather_loop(const Site& site) {
  const Shape& table = site.input(0).shape;
  const std::int64_t rows = table[0], width = table.count(1, table.rank()), count = site.input(1).count();
  return [=](const Io& io) {
    const auto* index = io.in<std::int32_t>(1);
    for (std::int64_t i = 0; i < count; ++i) {
      const bool known = index[i] >= 0 && index[i] < rows;
      for (std::int64_t j = 0; j < width; ++j) {
        io.out<T>(0)[i * width + j] = known ? io.in<T>(0)[index[i] * width + j] : not_a_number<T>();
      }
    }
  };
}

// Rows that share an index add up in the order of i.
template <class T>
auto gather_grad_loop(const Site& site) {
  const Shape& table = site.output().shape;
  const std::int64_t rows = table[0], width = table.count(1, table.rank()), count = site.input(1).count();
  return [=](const Io& io) {
    const auto* index = io.in<std::int32_t>(1);
    T* table_grad = io.out<T>(0);
    for (std::int64_t i = 0; i < rows * width; ++i) table_grad[i] = T(0);
    for (std::int64_t i = 0; i < count; ++i) {
      if (index[i] < 0 || index[i] >= rows) continue;
      for (std::int64_t j = 0; j < width; ++j) table_grad[index[i] * width + j] += io.in<T>(0)[i * width + j];
    }
  };
}

// Ops that only move bytes take every dtype, labels and masks included.
template <class Generic>
OfferRule for_every_dtype(Generic generic) {
  return [generic](const Site& site) -> Offer {
    const std::string name = "reference." + site.op().name;
    if (site.input(0).dtype == DType::i32)
      return make_plan(name, generic.template operator()<std::int32_t>(site));
    if (site.input(0).dtype == DType::u8)
      return make_plan(name, generic.template operator()<std::uint8_t>(site));
    return for_every_scalar<Scalars::all>(generic)(site);
  };
}

}  // namespace

void add_movement_kernels(KernelTable& kernels, std::string_view owner) {
  const auto copy = []<class T>(const Site& site) {
    return [n = site.input(0).count()](const Io& io) {
      for (std::int64_t i = 0; i < n; ++i) io.out<T>(0)[i] = io.in<T>(0)[i];
    };
  };
  const auto repeat = []<class T>(const Site& site) {
    return gather_strided<T>(site.output().shape,
                             reference::broadcast_strides(site.input(0).shape, site.output().shape));
  };
  kernels.add("reshape", for_every_dtype(copy), owner);
  kernels.add("transpose", for_every_dtype([]<class T>(const Site& s) { return transpose_loop<T>(s); }),
              owner);
  kernels.add("broadcast_to", for_every_dtype(repeat), owner);
  kernels.add("concat", for_every_dtype([]<class T>(const Site& s) { return concat_loop<T>(s); }), owner);
  kernels.add("slice", for_every_dtype([]<class T>(const Site& s) { return slice_loop<T>(s); }), owner);
  kernels.add("pad", for_every_dtype([]<class T>(const Site& s) { return pad_loop<T>(s); }), owner);
  kernels.add("gather",
              for_every_scalar<Scalars::all>([]<class T>(const Site& s) { return gather_loop<T>(s); }),
              owner);
  kernels.add("gather_grad",
              for_every_scalar<Scalars::all>([]<class T>(const Site& s) { return gather_grad_loop<T>(s); }),
              owner);
}

}  // namespace assay
