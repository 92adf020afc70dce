// Any bytes as a checkpoint: read, or an Error. Since few changed files pass their hash, each is read once
// more with the hash that it should have: what lies behind the check must hold as well.
#include "assay/experiment/checkpoint.h"

#include <fmt/format.h>

#include <span>
#include <string>

#include "assay/data/file.h"
#include "assay/data/safetensors.h"
#include "fuzz/input_file.h"

namespace {

// As checkpoint.cc makes it.
std::string hash_of(const std::map<std::string, std::string>& metadata) {
  assay::file::ContentHash hash;
  for (const auto& [key, value] : metadata) {
    if (key == "hash") continue;
    for (const std::string& text : {fmt::format("{} {}\n", key.size(), value.size()), key, value})
      hash.add(std::as_bytes(std::span(text)));
  }
  return hash.text();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const assay::fuzz::InputFile input;
  assay::fuzz::expect_error_or_success([&] { assay::read_checkpoint(input.holding(data, size)); });
  assay::fuzz::expect_error_or_success([&] {
    const std::map<std::string, std::string> metadata =
        assay::read_safetensors(input.holding(data, size)).metadata;
    const auto old = metadata.find("hash");
    const std::string wanted = hash_of(metadata);
    if (old == metadata.end() || old->second.size() != wanted.size()) return;
    std::string bytes(reinterpret_cast<const char*>(data), size);
    const auto place = bytes.find(old->second);
    if (place == std::string::npos) return;
    bytes.replace(place, wanted.size(), wanted);
    assay::read_checkpoint(input.holding(bytes.data(), bytes.size()));
  });
  return 0;
}
