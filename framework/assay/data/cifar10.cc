#include "assay/data/cifar10.h"

#include <fmt/format.h>

#include <algorithm>

#include "assay/data/file.h"

namespace assay {
namespace {

constexpr std::int64_t kChannels = 3;
constexpr std::int64_t kSide = 32;
constexpr std::uint64_t kImageBytes = kChannels * kSide * kSide;
constexpr std::uint64_t kRecordBytes = 1 + kImageBytes;

}  // namespace

LabelledImages read_cifar10(std::span<const std::filesystem::path> files) {
  std::vector<std::vector<std::byte>> contents;
  std::int64_t records = 0;
  for (const std::filesystem::path& path : files) {
    const std::vector<std::byte>& content = contents.emplace_back(file::read(path));
    if (content.empty() || content.size() % kRecordBytes != 0) {
      file::fail(path,
                 fmt::format("{} bytes are {} CIFAR-10 records of {} bytes and {} more", content.size(),
                             content.size() / kRecordBytes, kRecordBytes, content.size() % kRecordBytes),
                 "the file was cut off or is not of the binary version; copy or download it again");
    }
    records += static_cast<std::int64_t>(content.size() / kRecordBytes);
  }
  const std::filesystem::path first = files.empty() ? std::filesystem::path() : files.front();
  LabelledImages result{file::allocate({DType::u8, Shape{records, kChannels, kSide, kSide}}, first),
                        file::allocate({DType::i32, Shape{records}}, first)};
  auto image = result.images.view().bytes().begin();
  auto label = result.labels.as<std::int32_t>().begin();
  for (std::size_t f = 0; f < files.size(); ++f) {
    for (std::size_t offset = 0; offset < contents[f].size(); offset += kRecordBytes) {
      const auto record = std::span<const std::byte>(contents[f]).subspan(offset, kRecordBytes);
      *label = std::to_integer<std::int32_t>(record[0]);
      if (*label >= kCifar10Classes) {
        file::fail(
            files[f],
            fmt::format("label {} of record {} at byte {} is out of range: CIFAR-10 has labels 0 to {}",
                        *label, offset / kRecordBytes, offset, kCifar10Classes - 1),
            "this is not a CIFAR-10 batch (CIFAR-100 has two labels per record)");
      }
      ++label;
      image = std::ranges::copy(record.subspan(1), image).out;
    }
  }
  return result;
}

std::vector<std::string> cifar10_class_names() {
  return {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};
}

}  // namespace assay
