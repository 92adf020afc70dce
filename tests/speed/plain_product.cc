#include "speed/plain_product.h"

#ifdef ASSAY_WITH_EIGEN
#define EIGEN_DONT_PARALLELIZE  // the backend is of one thread, too
#include <Eigen/Core>
#endif

#include <memory>

#include "speed/clock.h"

namespace assay::speed {

#ifdef ASSAY_WITH_EIGEN
std::function<double(clockid_t)> plain_product(const Shape& a_shape, bool transpose_a, const Shape& b_shape,
                                               bool transpose_b) {
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto a = std::make_shared<Matrix>(Matrix::Random(a_shape[0], a_shape[1]));
  const auto b = std::make_shared<Matrix>(Matrix::Random(b_shape[0], b_shape[1]));
  const auto c = std::make_shared<Matrix>();
  return [=](clockid_t clock) {
    const double start = now(clock);
    if (transpose_a) {
      c->noalias() = a->transpose() * *b;
    } else if (transpose_b) {
      c->noalias() = *a * b->transpose();
    } else {
      c->noalias() = *a * *b;
    }
    return now(clock) - start;
  };
}
#else
std::function<double(clockid_t)> plain_product(const Shape&, bool, const Shape&, bool) { return {}; }
#endif

}  // namespace assay::speed
