// smkictl repository publish: a store as the files of the Code.
#include <CLI/CLI.hpp>

#include "base/clock.h"
#include "cli/repository_text.h"
#include "repository/publish.h"

namespace smki::cli {
namespace {

constexpr Millis kRedraw{200};

struct Arguments {
  repository::PublishOptions options;
  bool full_only = false, delta_only = false;
  std::string north_wan, central_south_wan;
};

double Rate(const repository::PublishReport& report) {
  return static_cast<double>(report.summary.certificates) / std::max(report.seconds, 0.001);
}

Json PublishJson(const repository::PublishReport& report, const std::string& date) {
  Json files = Json::array();
  for (const repository::PublishedFile& file : report.files) {
    files.push_back({{"file", file.file},
                     {"octets", file.octets},
                     {"records", file.records},
                     {"sha256", file.sha256 ? Json(ToHex(*file.sha256)) : Json(nullptr)},
                     {"seconds", file.seconds}});
  }
  return {{"result", "published"},
          {"date", date},
          {"files", files},
          {"expired", report.expired},
          {"notes", report.notes},
          {"certificates", report.summary.certificates},
          {"digest", ToHex(report.summary.digest)},
          {"seconds", report.seconds},
          {"certificates_per_second", Rate(report)},
          {"peak_anon_bytes", report.peak_anon_bytes}};
}

std::string PublishText(const repository::PublishReport& report, const Style& style, const std::string& to) {
  Columns table(2);
  table.Row({"file", "records", "octets", "seconds"});
  for (const repository::PublishedFile& file : report.files)
    table.Row({file.file, Count(file.records), Count(file.octets), fmt::format("{:.1f}", file.seconds)});
  std::string out = table.Text() + "\n" + style.Good("published") + "  " + to + " in " +
                    Elapsed(Millis(static_cast<int64_t>(report.seconds * 1000))) + ", " +
                    Count(static_cast<uint64_t>(Rate(report))) + " certificates/s\n";
  out += Fact("digest", ToHex(report.summary.digest), 10);
  for (const std::string& file : report.expired) out += Fact("removed", file + ", older than seven days", 10);
  for (const std::string& note : report.notes) out += Fact("note", note, 10);
  return out;
}

// One line that grows on a terminal; quiet in a pipe.
void DrawProgress(const Command& command, repository::PublishOptions& options, bool& drawn) {
  if (!command.terminal() || command.json()) return;
  options.on_progress = [&command, &drawn, start = SystemClock().SinceBoot(),
                         last = Millis(-1000)](const repository::PublishProgress& progress) mutable {
    const Millis elapsed = std::chrono::duration_cast<Millis>(SystemClock().SinceBoot() - start);
    if (elapsed - last < kRedraw) return;
    last = elapsed;
    const uint64_t rate = progress.certificates * 1000 / static_cast<uint64_t>(std::max<int64_t>(elapsed.count(), 1));
    command.Print("\r\x1b[K" + Bar(progress.certificates, progress.total, 24) + "  " + Count(progress.certificates) +
                  " certificates  " + Count(rate) + "/s");
    drawn = true;
  };
}

StatusOr<std::optional<Eui64>> WanOf(const std::string& text) {
  if (text.empty()) return std::optional<Eui64>();
  const auto eui = Eui64::Parse(text);
  if (!eui) return InvalidArgument("\"{}\" is no EUI-64", Printable(text));
  return eui;
}

Status Publish(const Command& command, const Arguments& arguments) {
  repository::PublishOptions options = arguments.options;
  options.full = !arguments.delta_only;
  options.delta = !arguments.full_only;
  SMKI_ASSIGN_OR_RETURN(options.north_wan, WanOf(arguments.north_wan));
  SMKI_ASSIGN_OR_RETURN(options.central_south_wan, WanOf(arguments.central_south_wan));
  bool drawn = false;
  DrawProgress(command, options, drawn);
  const auto report = repository::Publish(options);
  if (drawn) command.Print("\r\x1b[K");
  if (!report.ok()) return report.status();
  if (command.json()) {
    command.Print(PublishJson(*report, options.date));
  } else {
    command.Print(PublishText(*report, command.style(), options.to));
  }
  return OkStatus();
}

}  // namespace

void AddRepositoryPublish(CLI::App& group, Command& command) {
  CLI::App* publish =
      group.add_subcommand("publish", "FULL, delta, revocation lists and base sets, from a rebuilt store");
  auto arguments = std::make_shared<Arguments>();
  repository::PublishOptions& options = arguments->options;
  publish->add_option("--store", options.store, "rebuilt store")->required();
  publish->add_option("--date", options.date, "date in the files' names, YYYY-MM-DD")->required();
  publish->add_option("--to", options.to, "folder for the files")->required();
  CLI::Option* full_only = publish->add_flag("--full-only", arguments->full_only, "no delta");
  CLI::Option* delta_only = publish->add_flag("--delta-only", arguments->delta_only, "no FULL")->excludes(full_only);
  publish
      ->add_flag("--whole", options.whole,
                 "the delta also holds all that is not In-Use, so that FULL and delta together are the whole store")
      ->excludes(full_only)
      ->excludes(delta_only);
  publish->add_option("--lists", options.lists, "folder of revocation lists (*.crl.gz, *.arl.gz) to publish too");
  CLI::Option* north =
      publish->add_option("--north-wan", arguments->north_wan, "EUI-64 of North's WAN provider: base sets");
  publish->add_option("--central-south-wan", arguments->central_south_wan, "EUI-64 of Central and South's WAN provider")
      ->needs(north);
  publish->add_flag("--expire-deltas", options.expire_deltas, "remove deltas older than seven days from the folder");
  publish->add_flag("--replace", options.replace, "replace files of these names that hold something else");
  publish->add_option("--threads", options.threads, "without it as many as there are cores")->check(CLI::Range(1, 16));
  publish->callback([&command, arguments] { command.Run([&] { return Publish(command, *arguments); }); });
}

}  // namespace smki::cli
