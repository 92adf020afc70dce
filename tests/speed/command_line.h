// What the programs of this folder have in common: numbers on the command line, and how an error ends them.
#pragma once

#include <fmt/format.h>

#include <charconv>
#include <exception>
#include <string>
#include <system_error>

#include "assay/core/error.h"

namespace assay::speed {

/// A whole number, 1 or more. Throws Error naming the option.
template <class Integer>
Integer count_of(const std::string& option, const std::string& text) {
  Integer count = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (failure != std::errc() || end != text.data() + text.size() || count < 1)
    throw Error(fmt::format("{} wants whole numbers from 1, not '{}'", option, text));
  return count;
}

/// What main() returns: 0, or 2 after an error, which is printed.
template <class Run>
int exit_code_of(Run run) {
  try {
    run();
    return 0;
  } catch (const Error& error) {
    fmt::print(stderr, "{}", error.what());
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
  }
  return 2;
}

}  // namespace assay::speed
