#include "assay/bench/rounds.h"

#include <algorithm>
#include <cmath>

namespace assay::bench {

void set_steps(Contestant& contestant, double turn_seconds) {
  for (std::int64_t steps = 1;; steps *= 4) {
    const double per_step = contestant.seconds_per_step(steps);
    if (per_step * static_cast<double>(steps) < turn_seconds / 10) continue;
    contestant.steps = std::max<std::int64_t>(1, std::llround(turn_seconds / per_step));
    return;
  }
}

std::vector<std::vector<double>> go_around(std::span<const Contestant> contestants, std::int64_t rounds,
                                           const std::function<void(std::size_t)>& before) {
  std::vector<std::vector<double>> seconds(contestants.size());
  for (std::int64_t round = 0; round < rounds; ++round) {
    for (std::size_t turn = 0; turn < contestants.size(); ++turn) {
      const std::size_t i = round % 2 == 0 ? turn : contestants.size() - 1 - turn;
      if (before) before(i);
      seconds[i].push_back(contestants[i].seconds_per_step(contestants[i].steps));
    }
  }
  return seconds;
}

}  // namespace assay::bench
