// What tests of readers and writers share: files from bytes, and the message of an Error.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

#include "assay/core/error.h"
#include "support/temporary_directory.h"

namespace assay::test {

/// A text of these bytes, zeros included.
inline std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) text += static_cast<char>(value);
  return text;
}

/// The lowest `size` bytes of `value`, lowest first.
inline std::string little_endian(std::uint64_t value, int size) {
  std::string text;
  for (int i = 0; i < size; ++i) text += static_cast<char>(value >> (8 * i) & 0xFF);
  return text;
}
inline std::string big_endian(std::uint64_t value, int size) {
  std::string text = little_endian(value, size);
  return {text.rbegin(), text.rend()};
}

/// What `f` throws as an Error, rendered; "" where it throws none. Any other exception fails the test by
/// itself.
template <class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

/// Every proper prefix of `whole`, as a file, must make `read(path)` throw an Error that names the file.
template <class F>
void expect_every_truncation_refused(std::string_view whole, std::string_view name, F read) {
  const TemporaryDirectory directory;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto path = directory.file(name, whole.substr(0, size));
    const std::string message = error_of([&] { read(path); });
    ASSERT_NE(message.find(path.string()), std::string::npos)
        << "cut to " << size << " bytes: '" << message << "'";
  }
}

/// Each byte of `whole` changed in turn, three ways: `read(path)` must return, or throw an Error.
template <class F>
void expect_no_change_crashes(std::string_view whole, std::string_view name, F read) {
  const TemporaryDirectory directory;
  for (std::size_t place = 0; place < whole.size(); ++place) {
    for (const int change : {0x01, 0x80, 0xFF}) {
      std::string changed(whole);
      changed[place] = static_cast<char>(changed[place] ^ change);
      error_of([&] { read(directory.file(name, changed)); });
    }
  }
}

}  // namespace assay::test
