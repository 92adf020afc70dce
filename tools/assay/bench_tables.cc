#include "assay/bench_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "assay/bench/statistics.h"
#include "assay/terminal.h"

namespace assay::cli {
namespace {

using bench::Interval;
using bench::Measurement;
using bench::Summary;

constexpr double kCoverage = 0.95;
// Two runs apart in time differ by more than chance alone now and then: one in a hundred is called noise.
constexpr double kSignificance = 0.01;
constexpr double kSmallestShare = 0.005;  // of a row of its own in a profile

std::string duration(double seconds) {
  if (seconds < 1e-6) return fmt::format("{:.1f} ns", seconds * 1e9);
  if (seconds < 1e-3) return fmt::format("{:.2f} µs", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.2f} ms", seconds * 1e3);
  return fmt::format("{:.2f} s", seconds);
}

std::string percent(double share) { return fmt::format("{:.1f} %", share * 100); }

std::string gflops(double multiply_adds, double seconds) {
  return multiply_adds > 0 ? fmt::format("{:.1f}", 2 * multiply_adds / seconds * 1e-9) : "";
}

std::vector<std::string> heading(const Measurement& m) {
  return {m.experiment, m.backend, fmt::format("{}", m.facts.threads)};
}

std::vector<std::string> operator+(std::vector<std::string> row, std::vector<std::string> more) {
  row.insert(row.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  return row;
}

std::vector<double> ratios(const Measurement& m, const Measurement& first) {
  std::vector<double> all;
  for (std::size_t i = 0; i < m.seconds.size(); ++i) all.push_back(m.seconds[i] / first.seconds[i]);
  return all;
}

std::string ratio_text(const std::vector<double>& values) {
  const Interval interval = bench::median_interval(values, kCoverage);
  return fmt::format("{:.3f} [{:.3f}, {:.3f}]", bench::summarize(values).median, interval.low, interval.high);
}

std::string time_table(std::span<const Measurement> measurements) {
  const auto same = [](const Measurement& a) {
    return [&a](const Measurement& b) { return a.file == b.file; };
  };
  const bool compared = std::ranges::any_of(
      measurements, [&](const Measurement& m) { return std::ranges::count_if(measurements, same(m)) > 1; });
  std::vector<std::string> header{"experiment", "backend",   "threads", "step",
                                  "quartiles",  "samples/s", "GFLOP/s"};
  if (compared) header.emplace_back("time against the first");
  Table table(header);
  for (const Measurement& m : measurements) {
    const Summary time = bench::summarize(m.seconds);
    std::vector<std::string> row =
        heading(m) + std::vector<std::string>{
                         duration(time.median),
                         fmt::format("−{:.1f} +{:.1f} %", (1 - time.lower_quartile / time.median) * 100,
                                     (time.upper_quartile / time.median - 1) * 100),
                         fmt::format("{:.0f}", static_cast<double>(m.facts.rows) / time.median),
                         gflops(m.facts.multiply_adds, time.median)};
    const Measurement& first = *std::ranges::find_if(measurements, same(m));
    if (compared) row.push_back(&first == &m ? "1" : ratio_text(ratios(m, first)));
    table.add(std::move(row));
  }
  return table.render();
}

std::string memory_table(std::span<const Measurement> measurements) {
  Table table({"experiment", "backend", "threads", "compile", "arena", "scratch in it", "state",
               "values and state", "over that", "peak resident", "allocations"});
  for (const Measurement& m : measurements) {
    const MemoryReport& memory = m.facts.memory;
    const std::size_t held = memory.arena_bytes + memory.state_bytes,
                      least = memory.value_bytes + memory.state_bytes;
    table.add(heading(m) + std::vector<std::string>{
                               duration(m.facts.compile_seconds), human_bytes(memory.arena_bytes),
                               human_bytes(memory.largest_scratch_bytes), human_bytes(memory.state_bytes),
                               human_bytes(least),
                               fmt::format("{:.3f}", static_cast<double>(held) / static_cast<double>(least)),
                               human_bytes(m.peak_bytes),
                               m.allocations ? fmt::format("{:.2g}", *m.allocations) : "unknown"});
  }
  return table.render();
}

bool comparable(const Measurement& a, const Measurement& b) {
  return a.experiment == b.experiment && a.backend == b.backend && a.dtype == b.dtype &&
         a.facts.threads == b.facts.threads && a.facts.rows == b.facts.rows;
}

}  // namespace

std::string bench_tables(std::span<const Measurement> measurements) {
  std::string text = time_table(measurements) + "\n" + memory_table(measurements);
  for (const Measurement& m : measurements) {
    if (m.facts.fallbacks > 0)
      text += fmt::format("\n{} on {}: {} of {} ops run on the reference backend (assay check shows why)\n",
                          m.experiment, m.backend, m.facts.fallbacks, m.facts.ops);
  }
  return text;
}

std::string profile_table(const Measurement& measurement) {
  double total = 0;
  for (const bench::OpTime& op : measurement.profile) total += op.seconds;
  std::vector<bench::OpTime> ops = measurement.profile;
  std::ranges::stable_sort(ops, std::greater<>(), &bench::OpTime::seconds);
  Table table({"share", "time", "GFLOP/s", "op", "layer", "implementation"});
  double rest = 0;
  std::size_t left_out = 0;
  for (const bench::OpTime& op : ops) {
    if (op.seconds < kSmallestShare * total) {
      rest += op.seconds;
      ++left_out;
      continue;
    }
    table.add({percent(op.seconds / total), duration(op.seconds), gflops(op.multiply_adds, op.seconds),
               op.op + (op.backward ? " (backward)" : ""), op.layer, op.implementation});
  }
  if (left_out > 0)
    table.add({percent(rest / total), duration(rest), "", fmt::format("{} more", left_out), "", ""});
  return fmt::format("{} on {}, {} thread{}: {} op by op\n{}", measurement.experiment, measurement.backend,
                     measurement.facts.threads, measurement.facts.threads == 1 ? "" : "s", duration(total),
                     table.render());
}

std::string comparison_table(std::span<const Measurement> measurements, std::span<const Measurement> base) {
  Table table({"experiment", "backend", "threads", "before", "now", "now/before", "p", ""});
  for (const Measurement& m : measurements) {
    const auto before = std::ranges::find_if(base, [&](const Measurement& b) { return comparable(m, b); });
    if (before == base.end()) {
      table.add(heading(m) + std::vector<std::string>{"", "", "", "", "not in the base"});
      continue;
    }
    const double then = bench::summarize(before->seconds).median, now = bench::summarize(m.seconds).median;
    const bench::MannWhitney test = bench::mann_whitney(m.seconds, before->seconds);
    const char* verdict = test.p >= kSignificance ? "no more than noise" : now < then ? "faster" : "slower";
    table.add(heading(m) + std::vector<std::string>{duration(then), duration(now),
                                                    fmt::format("{:.3f}", now / then),
                                                    fmt::format("{:.2g}", test.p), verdict});
  }
  return "Rounds of now against rounds of the base, by the U test of Mann and Whitney (noise: p ≥ " +
         fmt::format("{}", kSignificance) + ")\n" + table.render();
}

}  // namespace assay::cli
