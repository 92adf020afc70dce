// Rounds: several contestants timed in turns, so that what slows the machine down for a while slows all of
// them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace assay::bench {

struct Contestant {
  std::function<double(std::int64_t steps)> seconds_per_step;  ///< over so many of them
  std::int64_t steps = 1;                                      ///< of a turn
};

/// Sets how many steps last as long as a turn shall, from turns that grow until they last a tenth of it.
void set_steps(Contestant& contestant, double turn_seconds);

/// Seconds per step of every contestant in every round. The order of turns is reversed from round to round,
/// so that none always follows the same one.
std::vector<std::vector<double>> go_around(std::span<const Contestant> contestants, std::int64_t rounds,
                                           const std::function<void(std::size_t contestant)>& before = {});

}  // namespace assay::bench
