#include "assay/registry/plugin_file.h"

#include <elf.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "assay/data/file.h"
#include "assay/registry/plugin_abi.h"

namespace assay {
namespace {

constexpr std::string_view kSection = ".assay_plugin";
constexpr std::string_view kStampBegin = "assay-plugin;";

#if __SIZEOF_POINTER__ == 8
using Header = Elf64_Ehdr;
using Segment = Elf64_Phdr;
using Section = Elf64_Shdr;
constexpr unsigned char kClass = ELFCLASS64;
#else
using Header = Elf32_Ehdr;
using Segment = Elf32_Phdr;
using Section = Elf32_Shdr;
constexpr unsigned char kClass = ELFCLASS32;
#endif

// The ELF format as far as the loader of the system takes it on trust: it maps what the headers promise, and
// a page behind the end of a file that was cut short ends the process.
class ElfImage {
 public:
  explicit ElfImage(std::span<const std::byte> bytes) : bytes_(bytes) {}

  /// What is wrong with the file, or "".
  std::string defect() {
    const auto header = at<Header>(0);
    if (bytes_.size() < SELFMAG || std::memcmp(bytes_.data(), ELFMAG, SELFMAG) != 0)
      return "is no shared object";
    if (!header) return "is cut short";
    header_ = *header;
    const Header host = host_header();
    if (header_.e_ident[EI_CLASS] != kClass || header_.e_ident[EI_DATA] != host.e_ident[EI_DATA] ||
        header_.e_machine != host.e_machine)
      return "is a shared object for another processor";
    if (header_.e_type != ET_DYN) return "is no shared object (an object file or a program)";
    if (header_.e_phentsize != sizeof(Segment) || header_.e_shentsize != sizeof(Section) ||
        header_.e_shnum == 0)
      return "is a shared object without the tables that tell its parts";
    for (std::size_t i = 0; i < header_.e_phnum; ++i) {
      const auto segment = at<Segment>(header_.e_phoff + i * sizeof(Segment));
      if (!segment || !contains(segment->p_offset, segment->p_filesz)) return "is cut short";
    }
    for (std::size_t i = 0; i < header_.e_shnum; ++i) {
      const auto section = at<Section>(header_.e_shoff + i * sizeof(Section));
      if (!section || (section->sh_type != SHT_NOBITS && !contains(section->sh_offset, section->sh_size)))
        return "is cut short";
    }
    return "";
  }

  /// The bytes of the section of that name. REQUIRES: no defect.
  std::optional<std::string_view> section(std::string_view name) const {
    const auto names = at<Section>(header_.e_shoff + header_.e_shstrndx * sizeof(Section));
    if (!names) return std::nullopt;
    const std::string_view table = text(names->sh_offset, names->sh_size);
    for (std::size_t i = 0; i < header_.e_shnum; ++i) {
      const Section section = *at<Section>(header_.e_shoff + i * sizeof(Section));
      if (section.sh_type == SHT_NOBITS || section.sh_name >= table.size()) continue;
      if (table.substr(section.sh_name, table.find('\0', section.sh_name) - section.sh_name) == name)
        return text(section.sh_offset, section.sh_size);
    }
    return std::nullopt;
  }

 private:
  // This program's own, to compare with.
  static Header host_header() {
    Header header{};
    if (std::FILE* self = std::fopen("/proc/self/exe", "rb")) {
      if (std::fread(&header, sizeof header, 1, self) != 1) header = {};
      std::fclose(self);
    }
    return header;
  }
  bool contains(std::uint64_t offset, std::uint64_t size) const {
    return offset <= bytes_.size() && size <= bytes_.size() - offset;
  }
  template <class T>
  std::optional<T> at(std::uint64_t offset) const {
    if (!contains(offset, sizeof(T))) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }
  std::string_view text(std::uint64_t offset, std::uint64_t size) const {
    return contains(offset, size)
               ? std::string_view(reinterpret_cast<const char*>(bytes_.data()) + offset, size)
               : std::string_view{};
  }

  std::span<const std::byte> bytes_;
  Header header_{};
};

std::string sha256_of(std::span<const std::byte> bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr) != 1)
    throw Error("the hash of a plugin cannot be computed");
  std::string text;
  for (unsigned int i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

std::vector<std::string_view> fields_of(std::string_view stamp) {
  std::vector<std::string_view> fields;
  for (std::size_t begin = 0; begin <= stamp.size();) {
    const std::size_t end = std::min(stamp.find(';', begin), stamp.size());
    fields.push_back(stamp.substr(begin, end - begin));
    begin = end + 1;
  }
  return fields;
}

}  // namespace

PluginFile read_plugin_file(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = file::read(path);
  ElfImage image(bytes);
  if (const std::string defect = image.defect(); !defect.empty())
    file::fail(path, fmt::format("'{}' {}", path.filename().string(), defect), "build the plugin again");
  const auto section = image.section(kSection);
  const std::string_view stamp = section ? section->substr(0, section->find('\0')) : "";
  if (!stamp.starts_with(kStampBegin)) {
    file::fail(path, fmt::format("'{}' is a shared object, but no assay plugin", path.filename().string()),
               "a plugin opens with ASSAY_PLUGIN(\"name\", \"version\", registry) from assay/plugin.h");
  }
  return {std::filesystem::absolute(path).lexically_normal(), sha256_of(bytes), std::string(stamp)};
}

bool is_plugin_file(const std::filesystem::path& path) noexcept {
  try {
    read_plugin_file(path);
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

std::string_view host_stamp() noexcept { return ASSAY_PLUGIN_STAMP; }

void require_same_stamp(std::string_view plugin, std::string_view host) {
  if (plugin == host) return;
  const auto theirs = fields_of(plugin), ours = fields_of(host);
  std::string differing = "other fields";
  bool other_abi = false;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    if (i < theirs.size() && theirs[i] == ours[i]) continue;
    const std::string_view name = ours[i].substr(0, ours[i].find('='));
    differing = fmt::format("{} (plugin {}, assay {})",
                            name == "abi" ? "the ABI number" : fmt::format("the {}", name),
                            i < theirs.size() ? theirs[i].substr(theirs[i].find('=') + 1) : "none",
                            ours[i].substr(ours[i].find('=') + 1));
    other_abi = name == "abi";
    break;
  }
  throw Error(fmt::format("the plugin was built for another assay: {} differs", differing))
      .help(other_abi ? "build it again with the headers of this assay"
                      : "build it with the compiler and the options that assay was built with")
      .note(fmt::format("the plugin's stamp: {}", plugin))
      .note(fmt::format("assay's stamp:      {}", host));
}

}  // namespace assay
