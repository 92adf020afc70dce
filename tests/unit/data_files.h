// What tests of readers and writers share: a folder that disappears, files from bytes, and the message of an
// Error.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

#include "assay/core/error.h"

namespace assay::test {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "assay-test-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

  /// Writes a file of these bytes and returns its path.
  std::filesystem::path file(std::string_view name, std::string_view bytes) const {
    std::ofstream(path_ / name, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

inline std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

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
