// A backend of the test's own, of kernels that are wrong in one way or right, and what the harness says of
// it.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "assay/verify/conformance.h"

namespace assay::test {

// A backend of the test's own.
class OwnBackend final : public Backend {
 public:
  using Rule = std::function<Offer(const Site&, int threads)>;
  OwnBackend(Rule rule, int threads) : rule_(std::move(rule)), threads_(threads) {}
  std::string_view name() const noexcept override { return "own"; }
  std::span<const Pattern> patterns() const override {
    static const Pattern pattern{"a product less a number", {{"mul"}, {"sub"}}};
    return {&pattern, 1};
  }
  Offer offer(const Site& site) const override {
    if (site.input(0).dtype != DType::f32) return Refusal{"only f32"};
    return rule_(site, threads_);
  }

 private:
  Rule rule_;
  int threads_;
};

inline verify::Report report_on(OwnBackend::Rule rule, verify::OpsOptions options, bool same_bits = true) {
  Registry registry;
  register_builtin(registry);
  BackendDef own;
  own.name = "own";
  own.create = [&](const BackendContext& context) {
    return std::make_unique<OwnBackend>(rule, context.threads);
  };
  own.same_bits_on_any_threads = same_bits;
  registry.add_backend(std::move(own));
  options.backends = {"own"};
  return verify::verify_ops(registry, options);
}

using Negate = void (*)(const float* x, float* y, std::int64_t count, int threads);

// −x, as `negate` does it.
inline std::string report_on(Negate negate, bool same_bits = true) {
  const verify::Report report = report_on(
      [negate](const Site& site, int threads) -> Offer {
        if (site.op().name != "neg") return Refusal{"only neg"};
        return make_plan("own.neg", [negate, threads, n = site.input(0).count()](const Io& io) {
          negate(io.in<float>(0), io.out<float>(0), n, threads);
        });
      },
      {.ops = {"neg"}}, same_bits);
  return report ? "" : report.to_string();
}

inline void expect_caught_by(char oracle, const std::string& report) {
  EXPECT_NE(report.find(std::string("FAILED ") + oracle + " neg own f32"), std::string::npos) << report;
}

inline void negate(const float* x, float* y, std::int64_t count, int) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = -x[i];
}

}  // namespace assay::test
