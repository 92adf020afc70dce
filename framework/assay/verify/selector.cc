#include "assay/verify/selector.h"

#include <cctype>
#include <utility>
#include <vector>

#include "assay/core/error.h"

namespace assay::verify {

struct Selector::Expression {
  enum class Kind : std::uint8_t { phrase, whole, negation, conjunction, disjunction };
  Kind kind;
  std::string text{};
  std::unique_ptr<const Expression> left{}, right{};
};

namespace {

using Expression = Selector::Expression;
using ExpressionPtr = std::unique_ptr<const Expression>;

struct Token {
  std::string text;
  bool quoted = false;
  bool is(std::string_view word) const { return !quoted && text == word; }
  bool is_operator() const { return is("and") || is("or") || is("not") || is("(") || is(")"); }
};

std::vector<Token> tokens_of(std::string_view text) {
  std::vector<Token> tokens;
  for (std::size_t i = 0; i < text.size();) {
    if (std::isspace(static_cast<unsigned char>(text[i])) != 0) {
      ++i;
    } else if (text[i] == '(' || text[i] == ')') {
      tokens.push_back({std::string(1, text[i++])});
    } else if (text[i] == '"') {
      const std::size_t end = text.find('"', i + 1);
      if (end == std::string_view::npos) throw Error("-k: a quotation mark is not closed");
      tokens.push_back({std::string(text.substr(i + 1, end - i - 1)), true});
      i = end + 1;
    } else {
      const std::size_t end = text.find_first_of(" \t\n()\"", i);
      tokens.push_back({std::string(text.substr(i, end - i))});
      i = end == std::string_view::npos ? text.size() : end;
    }
  }
  return tokens;
}

// or ← and ("or" and)*; and ← not ("and" not)*; not ← "not" not | "(" or ")" | word+
class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}
  ExpressionPtr parse() {
    ExpressionPtr root = disjunction();
    if (at_ < tokens_.size()) throw Error("-k: '" + tokens_[at_].text + "' does not fit there");
    return root;
  }

 private:
  bool take(std::string_view word) {
    if (at_ >= tokens_.size() || !tokens_[at_].is(word)) return false;
    ++at_;
    return true;
  }
  static ExpressionPtr make(Expression::Kind kind, ExpressionPtr left, ExpressionPtr right = nullptr) {
    return std::make_unique<const Expression>(Expression{kind, {}, std::move(left), std::move(right)});
  }
  ExpressionPtr disjunction() {
    ExpressionPtr left = conjunction();
    while (take("or")) left = make(Expression::Kind::disjunction, std::move(left), conjunction());
    return left;
  }
  ExpressionPtr conjunction() {
    ExpressionPtr left = negation();
    while (take("and")) left = make(Expression::Kind::conjunction, std::move(left), negation());
    return left;
  }
  ExpressionPtr negation() {
    if (take("not")) return make(Expression::Kind::negation, negation());
    if (take("(")) {
      ExpressionPtr inside = disjunction();
      if (!take(")")) throw Error("-k: a parenthesis is not closed");
      return inside;
    }
    if (at_ < tokens_.size() && tokens_[at_].quoted && tokens_[at_].text.starts_with('='))
      return std::make_unique<const Expression>(
          Expression{Expression::Kind::whole, tokens_[at_++].text.substr(1)});
    std::string phrase;
    while (at_ < tokens_.size() && !tokens_[at_].is_operator())
      phrase += (phrase.empty() ? "" : " ") + tokens_[at_++].text;
    if (phrase.empty()) throw Error("-k: a word is missing").help("for example: -k 'conv2d and not f64'");
    return std::make_unique<const Expression>(Expression{Expression::Kind::phrase, std::move(phrase)});
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
};

bool matches_node(const Expression& node, std::string_view id) {
  switch (node.kind) {
    case Expression::Kind::phrase:
      return id.find(node.text) != std::string_view::npos;
    case Expression::Kind::whole:
      return id == node.text;
    case Expression::Kind::negation:
      return !matches_node(*node.left, id);
    case Expression::Kind::conjunction:
      return matches_node(*node.left, id) && matches_node(*node.right, id);
    case Expression::Kind::disjunction:
      return matches_node(*node.left, id) || matches_node(*node.right, id);
  }
  return false;
}

}  // namespace

Selector::Selector(std::string_view expression) {
  if (expression.find_first_not_of(" \t\n") == std::string_view::npos) return;
  if (expression.starts_with('=')) {
    root_ = std::make_unique<const Expression>(
        Expression{Expression::Kind::whole, std::string(expression.substr(1))});
    return;
  }
  root_ = Parser(tokens_of(expression)).parse();
}
Selector::~Selector() = default;
Selector::Selector(Selector&&) noexcept = default;
Selector& Selector::operator=(Selector&&) noexcept = default;

bool Selector::matches(std::string_view id) const { return root_ == nullptr || matches_node(*root_, id); }

std::string select_among(std::span<const std::string> ids, std::string_view expression) {
  std::string among;
  for (const std::string& id : ids) among += (among.empty() ? "\"=" : " or \"=") + id + "\"";
  if (Selector(expression).everything()) return among;
  if (expression.starts_with('=')) return "(" + among + ") and \"" + std::string(expression) + "\"";
  return "(" + among + ") and (" + std::string(expression) + ")";
}

}  // namespace assay::verify
