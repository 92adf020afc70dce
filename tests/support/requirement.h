// What a test needs besides the product itself: another program, a package of data, a backend of the build.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>

namespace assay::test {

/// Whether everything that tests need is known to be there, as tools/test sees to: what is absent then was
/// lost, and a test that needs it must not pass by being skipped.
inline bool everything_is_installed() { return std::getenv("ASSAY_TESTS_COMPLETE") != nullptr; }

}  // namespace assay::test

/// Ends the test as skipped where `present` is false: as failed where everything is installed.
#define ASSAY_NEEDS(present, what)                                \
  switch (0)                                                      \
  case 0:                                                         \
  default:                                                        \
    if (present) {                                                \
    } else if (::assay::test::everything_is_installed()) {        \
      FAIL() << "lost, though everything is installed: " << what; \
    } else                                                        \
      GTEST_SKIP() << "there is no " << what
