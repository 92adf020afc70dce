// Activations: y = f(x), and dx = dy · f′. The functions are in assay/ops/activation.h and the loops, which a
// plugin's activation shares, in assay/program/generic_activation.h.
#include "assay/ops/activation.h"

#include "assay/program/generic_activation.h"
#include "backends/reference/reference.h"

namespace assay {

void add_activation_kernels(KernelTable& kernels, std::string_view owner) {
  for_each_activation([&]<class A>(A*) {
    const std::string name = A::info().name;
    constexpr bool exact = std::is_same_v<A, Identity> || std::is_same_v<A, Relu>;
    constexpr Scalars scalars = exact ? Scalars::all : Scalars::continuous;
    const auto make = [](const Fields& fields) { return A(fields); };
    kernels.add(name, activation_kernel<scalars>(make), owner);
    if constexpr (!std::is_same_v<A, Identity>)
      kernels.add(name + "_grad", activation_gradient_kernel<scalars>(make), owner);
  });
}

}  // namespace assay
