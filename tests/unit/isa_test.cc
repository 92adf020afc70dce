// The choice of the instruction set, and the environment variable that forces it.
#include "assay/core/isa.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "assay/core/error.h"
#include "support/forced_isa.h"

namespace assay {
namespace {

using test::ForcedIsa;

TEST(Isa, TheWidestSupportedOneIsTheDefault) {
  const ForcedIsa unset(nullptr);
  const Isa selected = selected_isa();
  for (Isa isa : all_isas()) EXPECT_EQ(is_supported(isa), isa <= selected) << name_of(isa);
}

TEST(Isa, TheEnvironmentForcesOne) {
  for (Isa isa : all_isas()) {
    const ForcedIsa forced(std::string(name_of(isa)).c_str());
    if (is_supported(isa)) {
      EXPECT_EQ(selected_isa(), isa);
    } else {
      EXPECT_THROW(selected_isa(), Error);
    }
  }
}

TEST(Isa, AnUnknownNameIsAnErrorWithTheNearestOne) {
  for (const char* name : {"baselin", "AVX", ""}) {
    const ForcedIsa forced(name);
    try {
      selected_isa();
      FAIL() << "'" << name << "' was accepted";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr("ASSAY_ISA")) << name;
      EXPECT_THAT(error.what(), ::testing::HasSubstr("baseline")) << name;
    }
  }
}

}  // namespace
}  // namespace assay
