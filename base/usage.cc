#include "base/usage.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

namespace smki {
namespace {

// How many letters must be added, left out, changed or swapped with their neighbour to make `b` of `a`.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> cost(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      const bool same = a[i - 1] == b[j - 1];
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

std::vector<const CLI::App*> CommandsOf(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* sub) { return !sub->get_name().empty(); });
}

// The word nearest to `word`, if it is near enough to be meant.
std::string Nearest(const std::string& word, const std::vector<const CLI::App*>& commands) {
  std::string best;
  size_t least = std::max<size_t>(2, word.size() / 3) + 1;
  for (const CLI::App* command : commands) {
    if (const size_t distance = Distance(word, command->get_name()); distance < least) {
      least = distance;
      best = command->get_name();
    }
  }
  return best;
}

// The next word is this option's value.
bool TakesTheNextWord(const std::vector<const CLI::App*>& path, const std::string& word) {
  if (word.find('=') != std::string::npos) return false;
  for (const CLI::App* app : path) {
    if (const CLI::Option* option = app->get_option_no_throw(word)) return option->get_items_expected_max() > 0;
  }
  return false;
}

struct Place {
  std::string command;  // "smkictl incident"
  const CLI::App* app = nullptr;
  std::string unknown;  // the word that names no command of `app`, if one is needed
};

// Where in the tree of commands the command line got to.
Place Locate(const CLI::App& root, int argc, const char* const* argv) {
  Place place{root.get_name(), &root, ""};
  std::vector<const CLI::App*> path = {&root};
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (!word.empty() && word.front() == '-') {
      if (TakesTheNextWord(path, word)) ++i;
      continue;
    }
    const std::vector<const CLI::App*> commands = CommandsOf(*place.app);
    if (commands.empty()) break;  // a leaf: what follows are its arguments
    const auto found = std::find_if(commands.begin(), commands.end(),
                                    [&](const CLI::App* command) { return command->get_name() == word; });
    if (found == commands.end()) {
      place.unknown = word;
      break;
    }
    place.app = *found;
    place.command += " " + word;
    path.push_back(*found);
  }
  return place;
}

std::string Names(const std::vector<const CLI::App*>& commands) {
  std::string out;
  for (const CLI::App* command : commands) out += (out.empty() ? "" : ", ") + command->get_name();
  return out;
}

bool WantsJson(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--output=json") return true;
    if (word == "--output" && i + 1 < argc && std::string_view(argv[i + 1]) == "json") return true;
  }
  return false;
}

// A word of the command line may hold anything; a terminal gets what can be printed, and not much of it.
std::string Shown(std::string_view text) {
  constexpr size_t kLongest = 400;
  std::string out;
  for (const char c : text.substr(0, kLongest)) out += (c >= 0 && c < 0x20) || c == 0x7F ? '?' : c;
  return text.size() > kLongest ? out + " ..." : out;
}

}  // namespace

UsageFault ExplainUsage(const CLI::App& app, const CLI::ParseError& error, int argc, const char* const* argv) {
  const Place place = Locate(app, argc, argv);
  const std::vector<const CLI::App*> commands = CommandsOf(*place.app);
  const std::string help = place.command + " --help";
  if (!place.unknown.empty()) {
    const std::string nearest = Nearest(place.unknown, commands);
    return {fmt::format("{} has no command \"{}\"; it has {}", place.command, Shown(place.unknown), Names(commands)),
            nearest.empty() ? help : fmt::format("perhaps you mean:  {} {}", place.command, nearest)};
  }
  if (!commands.empty() && place.app->get_require_subcommand_min() > 0)
    return {fmt::format("{} needs a command: {}", place.command, Names(commands)), help};
  return {Shown(error.what()), help};
}

int ExitAfter(const CLI::App& app, const CLI::ParseError& error, int argc, const char* const* argv) {
  const std::string kind = error.get_name();
  if (kind == "RuntimeError") return error.get_exit_code();
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    app.exit(error);
    return std::cout.flush().good() ? 0 : 1;
  }
  const UsageFault fault = ExplainUsage(app, error, argc, argv);
  if (WantsJson(argc, argv)) {
    const nlohmann::ordered_json object = {
        {"error", {{"reason", "USAGE"}, {"message", fault.message}, {"next", fault.next}}}};
    fmt::print(stderr, "{}\n", object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    fmt::print(stderr, "usage\n  why   {}\n  next  {}\n", fault.message, fault.next);
  }
  return kUsageExitCode;
}

const CLI::Validator& WholeNumber() {
  static const CLI::Validator validator(
      [](std::string& text) -> std::string {
        static constexpr std::string_view kLargest = "18446744073709551615";
        const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
        const bool plain = digits && (text.size() == 1 || text.front() != '0');
        const bool fits = text.size() < kLargest.size() || (text.size() == kLargest.size() && text <= kLargest);
        return plain && fits ? "" : fmt::format("\"{}\" is no whole number such as 0 or 1000", Shown(text));
      },
      "");
  return validator;
}

}  // namespace smki
