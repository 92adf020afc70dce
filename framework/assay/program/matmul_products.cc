#include "assay/program/matmul_products.h"

namespace assay {
namespace {

Shape batch_of(const Shape& shape) {
  return Shape(shape.extents().first(static_cast<std::size_t>(shape.rank() - 2)));
}

// The index, among the matrices of `shape`, of the one that product `i` of `batch` reads: an axis of extent 1
// is read again and again.
std::int64_t matrix_of(const Shape& shape, const Shape& batch, std::int64_t i) {
  std::int64_t matrix = 0, step = 1;
  for (int axis = -1; axis >= -shape.rank(); --axis) {
    if (shape[axis] != 1) matrix += i % batch[axis] * step;
    step *= shape[axis];
    i /= batch[axis];
  }
  return matrix;
}

}  // namespace

MatmulProducts matmul_products(const Site& site) {
  const Shape &a = site.input(0).shape, &b = site.input(1).shape, &c = site.output().shape;
  MatmulProducts products;
  products.transpose_a = site.fields().boolean("transpose_a");
  products.transpose_b = site.fields().boolean("transpose_b");
  products.m = c[-2];
  products.n = c[-1];
  products.k = a[products.transpose_a ? -2 : -1];
  const Shape of_a = batch_of(a), of_b = batch_of(b), batch = batch_of(c);
  if (!products.transpose_a && of_b.count() == 1 && of_a.count() == batch.count() && batch.count() > 0) {
    products.m *= batch.count();
    products.offsets = {{0, 0}};
    return products;
  }
  for (std::int64_t i = 0; i < batch.count(); ++i) {
    products.offsets.push_back(
        {matrix_of(of_a, batch, i) * a[-2] * a[-1], matrix_of(of_b, batch, i) * b[-2] * b[-1]});
  }
  return products;
}

}  // namespace assay
