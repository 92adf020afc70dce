// Reports for machines: JSON, and the XML that test runners of continuous integration read (JUnit's).
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>
#include <sstream>

#include "assay/verify/check.h"
#include "assay/verify/coverage.h"

namespace assay::verify {
namespace {

std::string_view status_name(Status status) {
  switch (status) {
    case Status::passed:
      return "passed";
    case Status::failed:
      return "failed";
    case Status::skipped:
      return "skipped";
  }
  return "";
}

// JSON has no infinity: by the project's formats it is a string.
nlohmann::ordered_json number(double x) {
  if (std::isnan(x)) return "NaN";
  if (std::isinf(x)) return x > 0 ? "Infinity" : "-Infinity";
  return x;
}

}  // namespace

std::string Report::to_json() const {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const Check& check : checks_) {
    nlohmann::ordered_json row;
    row["id"] = check.id();
    row["oracle"] = name_of(check.oracle);
    row["status"] = status_name(check.status);
    row["op"] = check.subject.op;
    if (!check.subject.backend.empty()) row["backend"] = check.subject.backend;
    if (!check.subject.implementation.empty()) row["implementation"] = check.subject.implementation;
    row["dtype"] = assay::name_of(check.subject.dtype);
    if (!check.subject.geometry.empty()) row["geometry"] = check.subject.geometry;
    if (!check.subject.shapes.empty()) row["shapes"] = check.subject.shapes;
    if (!check.basis.empty()) row["basis"] = check.basis;
    if (!check.detail.empty()) row["detail"] = check.detail;
    row["ratio"] = number(check.ratio);
    row["judged"] = check.judged;
    if (!check.reproduce.empty()) row["reproduce"] = check.reproduce;
    all.push_back(std::move(row));
  }
  nlohmann::ordered_json document;
  document["passed"] = count(Status::passed);
  document["failed"] = count(Status::failed);
  document["skipped"] = count(Status::skipped);
  nlohmann::ordered_json cells = nlohmann::ordered_json::array();
  for (const auto& [key, cell] : coverage_of(checks_)) {
    nlohmann::ordered_json row{
        {"op", key.op}, {"backend", key.backend}, {"dtype", assay::name_of(key.dtype)}};
    row["judged"] = cell.judged;
    row["refused"] = cell.refused;
    cells.push_back(std::move(row));
  }
  document["coverage"] = std::move(cells);
  document["checks"] = std::move(all);
  return document.dump(1) + "\n";
}

std::string Report::to_junit() const {
  pugi::xml_document document;
  pugi::xml_node suites = document.append_child("testsuites");
  pugi::xml_node suite = suites.append_child("testsuite");
  suite.append_attribute("name") = "assay verify";
  suite.append_attribute("tests") = static_cast<long long>(checks_.size());
  suite.append_attribute("failures") = static_cast<long long>(count(Status::failed));
  suite.append_attribute("skipped") = static_cast<long long>(count(Status::skipped));
  for (const Check& check : checks_) {
    pugi::xml_node test = suite.append_child("testcase");
    test.append_attribute("classname") =
        (check.subject.backend.empty() ? check.subject.op : check.subject.backend + "." + check.subject.op)
            .c_str();
    test.append_attribute("name") = check.id().c_str();
    if (check.status == Status::failed) {
      pugi::xml_node failure = test.append_child("failure");
      failure.append_attribute("message") = check.basis.c_str();
      failure.text() = (check.detail + (check.reproduce.empty() ? "" : "\n" + check.reproduce)).c_str();
    } else if (check.status == Status::skipped) {
      test.append_child("skipped").append_attribute("message") = check.detail.c_str();
    }
  }
  std::ostringstream out;
  document.save(out, " ");
  return out.str();
}

}  // namespace assay::verify
