#include "assay/experiment/yaml_parser.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <map>
#include <sstream>
#include <utility>
#include <vector>

#include "assay/core/utf8.h"
#include "assay/experiment/yaml_syntax.h"

namespace assay {
namespace {

using namespace yaml_syntax;

constexpr std::size_t kNone = std::string_view::npos;

// Thrown through the library to end its work: what follows cannot be understood.
struct Stop {};

// Builds the tree from the library's events. Its marks are trusted for one thing only: the byte at which a
// token starts. Where tokens end, whether a null was written, and that quotes are closed, is read from the
// text.
//
// The library may recurse 500 levels; this handler stops it at kMaxDepth, before it goes down. Scanning 1 MiB
// of '[' first takes it 0.3 s and 240 MB, the worst of the inputs that were tried.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::shared_ptr<const SourceText> source, std::size_t begin, Diagnostics& diagnostics)
      : source_(std::move(source)),
        text_(source_->text()),
        base_(begin),
        diagnostics_(diagnostics),
        end_(begin) {}

  std::optional<ConfigNode> take_root() { return std::move(root_); }
  /// What stands before was understood.
  std::size_t end() const { return end_; }
  /// Whether the indentation of the line that holds `offset` was reported.
  bool reported_indentation(std::size_t offset) const {
    return source_->line_begin(offset) == line_with_tab_;
  }

  std::size_t open_bracket() const {
    const auto it =
        std::find_if(frames_.rbegin(), frames_.rend(), [](const Frame& frame) { return frame.flow; });
    return it == frames_.rend() ? kNone : it->begin;
  }

  std::size_t offset_of(const YAML::Mark& mark) const {
    return mark.pos < 0 ? end_ : std::min(base_ + static_cast<std::size_t>(mark.pos), text_.size());
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    const std::size_t offset = offset_of(mark);
    if (offset < text_.size() && (text_[offset] == '&' || text_[offset] == '!')) {
      start_node(mark);  // an anchor or a tag of nothing
      place(ConfigNode(), offset, property_end(text_, offset));
    } else if (const std::size_t length = length_of_null(offset); length > 0) {
      start_node(mark);
      place(ConfigNode::scalar(std::string(text_.substr(offset, length)), false), offset, offset + length);
    } else {
      place_missing(offset);
    }
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    const std::size_t offset = offset_of(mark);
    diagnostics_.add(property(*source_, offset));
    place(ConfigNode(), offset, property_end(text_, offset));
  }

  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                const std::string& given) override {
    const std::size_t begin = start_node(mark);
    const char first = begin < text_.size() ? text_[begin] : ' ';
    const std::string value = first == '"' || first == '\'' ? given : with_brackets_shown(given);
    const bool in_block = first == '|' || first == '>';
    std::size_t end = kNone;
    if (first == '"' || first == '\'') {
      end = quoted_end(text_, begin);
      if (end == kNone) {  // yaml-cpp 0.7 accepts this where the text ends in a line break
        diagnostics_.add(unclosed_quote(*source_, begin));
        throw Stop{};
      }
    } else {
      end = end_of_words(in_block ? text_.find('\n', begin) : begin, value);
    }
    if (value.find('\0') != kNone ||
        find_invalid_utf8(value) != kNone) {  // "\N" and "\_" become Latin-1 bytes
      diagnostics_.add(at(*source_, begin, end, "the escapes \\0, \\N and \\_ are not supported",
                          "in this text", {"write other characters as \\xNN or \\uNNNN"}));
    }
    const bool quoted = first == '"' || first == '\'' || in_block;
    place(ConfigNode::scalar(value, quoted), begin, end, in_block ? begin + 1 : end);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    open(mark, ConfigNode::sequence(), '[');
  }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    open(mark, ConfigNode::map(), '{');
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    ConfigNode node;
    std::size_t begin = 0;
    bool flow = false;                ///< in brackets
    std::optional<ConfigNode> key{};  ///< of a map: the key whose value comes next
    bool drop = false;                ///< the value of that key is not kept
    std::map<std::string, std::size_t, std::less<>> first_seen{};  ///< where each key stands

    bool expects_key() const { return node.is_map() && !key; }
  };

  // Reports the anchor and the tag before a node and returns where the node itself starts.
  std::size_t start_node(const YAML::Mark& mark) {
    std::size_t offset = offset_of(mark);
    if (const std::size_t line = source_->line_begin(offset); line != last_line_) {
      last_line_ = line;
      if (is_indented_by_tab(*source_, offset)) {
        diagnostics_.add([&] { return tab_indentation(*source_, offset); });
        line_with_tab_ = line;
      }
    }
    while (offset < text_.size() && (text_[offset] == '&' || text_[offset] == '!')) {
      if (offset >= unreported_) {  // a block map starts where its first key does
        diagnostics_.add([&] { return property(*source_, offset); });
        unreported_ = offset + 1;
      }
      offset = skip_blank(text_, property_end(text_, offset));
    }
    return offset;
  }

  // The library reports a null where nothing is written, too, at the token that comes next; that token may be
  // a key which is called null.
  std::size_t length_of_null(std::size_t offset) const {
    static constexpr std::array<std::string_view, 4> kSpellings{"~", "null", "Null", "NULL"};
    if (!frames_.empty()) {
      const Frame& top = frames_.back();
      const std::size_t column = offset - source_->line_begin(offset);
      const std::size_t indent = top.begin - source_->line_begin(top.begin);
      if (!top.flow && !top.expects_key() && column <= indent) return 0;
    }
    for (std::string_view spelling : kSpellings) {
      const std::string_view rest = text_.substr(offset);
      if (!rest.starts_with(spelling)) continue;
      if (rest.size() == spelling.size() || is_blank(rest[spelling.size()]) ||
          std::string_view(",]}:").find(rest[spelling.size()]) != kNone) {
        return spelling.size();
      }
    }
    return 0;
  }

  void place_missing(std::size_t offset) {
    if (frames_.empty()) return;  // an empty document
    Frame& top = frames_.back();
    if (top.expects_key()) {
      diagnostics_.add(
          at(*source_, offset, offset + 1, "a key is missing", "before this", {"write 'key: value'"}));
      top.key = ConfigNode();
      top.drop = true;
      return;
    } else if (top.node.is_map()) {
      // In brackets that are never closed, the library takes the last word for a key. The brackets will be
      // reported.
      if (!top.drop && offset != top.key->source_begin()) report_missing_value(*top.key);
    } else {
      const std::size_t begin = top.flow ? offset : find_dash(top.node.items().empty() ? top.begin : end_);
      diagnostics_.add(at(*source_, begin, begin + 1, "an element of this list has no value", "nothing here",
                          {"write a value, or null where none is meant"}));
      end_ = std::max(end_, top.flow ? end_ : begin + 1);
    }
    place(ConfigNode(), end_, end_);
  }

  void report_missing_value(const ConfigNode& key) {
    Diagnostic diagnostic = at(*source_, key.source_begin(), key.source_end(),
                               "the key " + in_quotes(key.text()) + " has no value", "no value",
                               {"write a value behind ':', or null where none is meant"});
    if (!key.quoted() && key.text().find(':') != kNone) diagnostic.help = {"put a space behind ':'"};
    diagnostics_.add(std::move(diagnostic));
  }

  // The '-' of the next element of a block sequence whose elements so far end at `offset`.
  std::size_t find_dash(std::size_t offset) const {
    const std::size_t dash = skip_blank(text_, offset);
    return dash < text_.size() ? dash : offset;
  }

  // Where the text ends that starts behind `offset` and has the same non-blank characters as `value`: folding
  // and indentation change only blanks.
  std::size_t end_of_words(std::size_t offset, std::string_view value) const {
    std::size_t end = std::min(offset, text_.size());
    for (char c : value) {
      if (is_blank(c)) continue;
      while (end < text_.size() && text_[end] != c) ++end;
      if (end < text_.size()) ++end;
    }
    return end;
  }

  void open(const YAML::Mark& mark, ConfigNode node, char bracket) {
    const std::size_t begin = start_node(mark);
    if (frames_.size() == ConfigNode::kMaxDepth) {
      diagnostics_.add(
          at(*source_, begin, begin + 1,
             "lists and maps are nested deeper than " + std::to_string(ConfigNode::kMaxDepth) + " levels",
             "one level too deep"));
      throw Stop{};
    }
    const bool flow = begin < text_.size() && text_[begin] == bracket;
    frames_.push_back({.node = std::move(node), .begin = begin, .flow = flow});
    if (flow) end_ = begin + 1;
  }

  void close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    std::size_t shown_end = frame.begin + 1;
    if (frame.flow) {
      end_ = shown_end = find_bracket(end_);
    } else if (!frame.node.entries().empty()) {
      shown_end = frame.node.entries().front().key.source_end();
    }
    place(std::move(frame.node), frame.begin, end_, shown_end);
  }

  // One past the bracket that closes a collection whose last element ends at `offset`.
  std::size_t find_bracket(std::size_t offset) const {
    while (true) {
      offset = skip_blank(text_, offset);
      if (offset == text_.size()) return offset;
      const char c = text_[offset++];
      if (c == ']' || c == '}') return offset;
    }
  }

  void place(ConfigNode node, std::size_t begin, std::size_t end) { place(std::move(node), begin, end, end); }

  // Puts a node, all of which stands before `end`, where it belongs; [begin, shown_end) is what messages
  // underline.
  void place(ConfigNode node, std::size_t begin, std::size_t end, std::size_t shown_end) {
    node.set_place(source_, begin, shown_end);
    end_ = std::max(end_, end);
    if (frames_.empty()) {
      root_ = std::move(node);
    } else if (Frame& top = frames_.back(); top.node.is_sequence()) {
      top.node.push_back(std::move(node));
    } else if (top.expects_key()) {
      top.drop = !accept_key(top, node);
      top.key = std::move(node);
    } else {
      if (!top.drop) top.node.append(*std::move(top.key), std::move(node));
      top.key.reset();
    }
  }

  bool accept_key(Frame& map, const ConfigNode& key) {
    const auto reject = [&](std::string message, std::string label, std::string help) {
      diagnostics_.add(at(*source_, key.source_begin(), key.source_end(), std::move(message),
                          std::move(label), {std::move(help)}));
      return false;
    };
    if (!key.is_scalar() || key.is_null()) {
      return reject("a key must be text, not " + describe(key), "not a key", "put the key in quotes");
    }
    if (key.text() == "<<" && !key.quoted()) {
      return reject("merge keys are not allowed", "a merge key",
                    "write values out; files share settings with 'extends: [base.yaml]'");
    }
    if (key.text().size() > kMaxKeyBytes) {
      return reject("a key of " + std::to_string(key.text().size()) + " bytes", "too long",
                    "a key has at most " + std::to_string(kMaxKeyBytes) + " bytes");
    }
    const auto [seen, added] = map.first_seen.try_emplace(key.text(), key.source_begin());
    if (added) return true;
    Diagnostic diagnostic =
        at(*source_, key.source_begin(), key.source_end(),
           "the key " + in_quotes(key.text()) + " is given twice", "given again", {"remove one of the two"});
    const SourceRange first = source_->range(seen->second, seen->second);
    diagnostic.notes.push_back("it was first given on line " + std::to_string(first.line) + ", column " +
                               std::to_string(first.column));
    diagnostics_.add(std::move(diagnostic));
    return false;
  }

  const std::shared_ptr<const SourceText> source_;
  const std::string_view text_;
  const std::size_t base_;
  Diagnostics& diagnostics_;
  std::size_t end_;
  std::size_t last_line_ = kNone;      ///< the beginning of the last line in which a node starts
  std::size_t line_with_tab_ = kNone;  ///< the last of these that is indented by a tab
  std::size_t unreported_ = 0;         ///< anchors and tags before this were reported
  std::vector<Frame> frames_;
  std::optional<ConfigNode> root_;
};

bool starts_line(const SourceText& source, std::size_t offset) { return offset == source.line_begin(offset); }

bool is_marker(std::string_view text, std::size_t offset, std::string_view marker) {
  const std::string_view rest = text.substr(offset);
  return rest.starts_with(marker) && (rest.size() == marker.size() || is_blank(rest[marker.size()]));
}

void report_second_document(const SourceText& source, std::size_t offset, Diagnostics& diagnostics) {
  diagnostics.add(at(source, offset, offset + 3, "a second document", "starts here",
                     {"a file holds one document: split the file, or remove this line"}));
}

// What the library leaves behind the first document, in silence: other documents, directives, or text that it
// could not attach (it would hand out "," as an empty document for ever).
void check_rest(const SourceText& source, std::size_t offset, bool has_errors, Diagnostics& diagnostics) {
  const std::string_view text = source.text();
  if (has_errors) {  // then where the document ends is not certain, but markers at the start of a line are
    for (; offset != kNone; offset = text.find("\n---", offset + 1)) {
      if (text[offset] == '\n' && is_marker(text, offset + 1, "---"))
        return report_second_document(source, offset + 1, diagnostics);
    }
    return;
  }
  offset = skip_blank(text, offset);
  bool ended = false;
  while (offset < text.size() && starts_line(source, offset) && is_marker(text, offset, "...")) {
    offset = skip_blank(text, offset + 3);
    ended = true;
  }
  if (offset == text.size()) return;
  if (ended || (starts_line(source, offset) && is_marker(text, offset, "---"))) {
    report_second_document(source, offset, diagnostics);
  } else if (starts_line(source, offset) && text[offset] == '%') {
    diagnostics.add(directive(source, offset));
  } else {
    diagnostics.add(
        at(source, offset, offset + 1, "this belongs to nothing above it", "unexpected",
           {"keys stand as 'key: value' with a space behind ':', all keys of one map in the same column"}));
  }
}

}  // namespace

std::optional<ConfigNode> parse_yaml(const std::shared_ptr<const SourceText>& source,
                                     Diagnostics& diagnostics, std::size_t begin) {
  const std::size_t errors_before = diagnostics.count();
  const auto has_errors = [&] { return diagnostics.count() > errors_before; };
  check_characters(*source, begin, diagnostics);
  if (has_errors()) return std::nullopt;

  const std::string_view text = source->text();
  std::size_t first = skip_blank(text, begin);
  if (first < text.size() && text[first] == '%' && (first == begin || text[first - 1] == '\n')) {
    diagnostics.add(directive(*source, first));
    return std::nullopt;
  }
  std::istringstream stream{with_brackets_hidden(text, begin)};
  TreeBuilder builder(source, begin, diagnostics);
  std::optional<ConfigNode> root;
  try {
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    root = builder.take_root();
    if (!root && is_marker(text, first, "---")) first = skip_blank(text, first + 3);
    check_rest(*source, root ? builder.end() : first, has_errors(), diagnostics);
  } catch (const Stop&) {
  } catch (const YAML::Exception& error) {
    const std::size_t offset = builder.offset_of(error.mark);
    if (!builder.reported_indentation(offset)) {
      diagnostics.add(explain(*source, error.msg, offset, builder.open_bracket(), builder.end()));
    }
  }
  if (!root && !has_errors()) {
    Diagnostic diagnostic;
    diagnostic.message = in_quotes(source->name()) + " is empty";
    diagnostic.help = {"an experiment file starts with 'assay: 1'"};
    diagnostics.add(std::move(diagnostic));
  }
  if (has_errors()) return std::nullopt;
  return root;
}

ConfigNode parse_yaml(std::string_view text, std::string file) {
  if (text.size() > SourceText::kMaxBytes) throw Error(file + " is larger than 1 MiB");
  std::filesystem::path folder = std::filesystem::path(file).parent_path();
  Diagnostics diagnostics;
  auto tree = parse_yaml(std::make_shared<SourceText>(std::move(file), std::move(folder), std::string(text)),
                         diagnostics);
  diagnostics.throw_if_any();
  return *std::move(tree);
}

ConfigNode load_yaml(const std::filesystem::path& path) {
  Diagnostics diagnostics;
  const auto source = read_source(path, diagnostics);
  auto tree = source ? parse_yaml(source, diagnostics) : std::nullopt;
  diagnostics.throw_if_any();
  return *std::move(tree);
}

}  // namespace assay
