// smkictl repository rebuild: the SMKI Repository from its extracts, without any server.
#include <CLI/CLI.hpp>

#include "base/clock.h"
#include "cli/repository_text.h"
#include "repository/rebuild.h"

namespace smki::cli {
namespace {

struct Arguments {
  RebuildInputs inputs;
  std::string archive, store, full, verify = "full", rejects, as_of;
  std::vector<std::string> deltas;
  int overlap = 1;
  uint64_t tolerance = 0;
  unsigned threads = 0;
};

Json FileJson(const repository::FileAccount& file) {
  Json out = {{"file", file.file},
              {"date", file.date},
              {"records", file.records},
              {"loaded", file.loaded},
              {"superseded", file.superseded},
              {"superseded_by", file.superseded_by},
              {"unchanged", file.unchanged},
              {"rejected", file.rejected}};
  out["sha256"] = file.sha256 == Digest{} ? Json(nullptr) : Json(ToHex(file.sha256));
  return out;
}

Json RebuildJson(const repository::RebuildReport& report, const Status& status, const Arguments& arguments,
                 Millis took) {
  Json out = SummaryJson(report.summary);
  out["result"] = status.ok() ? "rebuilt" : "refused";
  if (!status.ok()) out["code"] = ReasonOf(status);
  Json files = Json::array();
  uint64_t read = 0, loaded = 0, superseded = 0, unchanged = 0, rejected = 0;
  for (const repository::FileAccount& file : report.files) {
    files.push_back(FileJson(file));
    read += file.records;
    loaded += file.loaded;
    superseded += file.superseded;
    unchanged += file.unchanged;
    rejected += file.rejected;
  }
  out["files"] = files;
  out["not_needed"] = report.not_needed;
  out["records"] = {
      {"read", read}, {"loaded", loaded}, {"superseded", superseded}, {"unchanged", unchanged}, {"rejected", rejected}};
  std::map<std::string, uint64_t> codes;
  for (const repository::RejectedRecord& reject : report.rejects) ++codes[Name(reject.code)];
  Json rejects = Json::array();
  for (const auto& [code, count] : codes) rejects.push_back({{"code", code}, {"count", count}});
  out["rejects"] = rejects;
  out["rejects_file"] = report.rejects_file;
  out["notes"] = report.notes;
  out["store"] = repository::StoreFileOf(arguments.store);
  out["verify"] = arguments.verify;
  out["seconds"] = static_cast<double>(took.count()) / 1000;
  out["peak_anon_bytes"] = report.peak_anon_bytes;
  return out;
}

std::string RebuildText(const repository::RebuildReport& report, const Style& style, const std::string& store,
                        Millis took) {
  Columns table(2);
  table.Row({"file", "records", "loaded", "superseded", "unchanged", "rejected"});
  for (const repository::FileAccount& file : report.files) {
    table.Row({file.file, Count(file.records), Count(file.loaded), Count(file.superseded), Count(file.unchanged),
               Count(file.rejected)});
  }
  std::string out = table.Text() + "\n" + style.Good("rebuilt") + "  " + store + " in " + Elapsed(took) + "\n" +
                    SummaryText(report.summary);
  if (!report.not_needed.empty())
    out += Fact("not needed", fmt::format("{} older than the FULL", Count(report.not_needed.size(), "delta")), 10);
  if (!report.rejects.empty())
    out += Fact("rejected",
                fmt::format("{}, tolerated; listed in {}", Count(report.rejects.size(), "record"), report.rejects_file),
                10);
  for (const std::string& note : report.notes) out += Fact("note", note, 10);
  return out;
}

Status Rebuild(const Command& command, const Arguments& arguments) {
  SMKI_ASSIGN_OR_RETURN(repository::RebuildOptions options, OptionsOf(arguments.inputs));
  options.store = arguments.store;
  options.archive = arguments.archive;
  options.target_date = arguments.as_of;
  options.verify = arguments.verify == "full" ? repository::Verify::kFull : repository::Verify::kStructure;
  if (!arguments.full.empty()) options.files.push_back(arguments.full);
  options.files.insert(options.files.end(), arguments.deltas.begin(), arguments.deltas.end());
  options.overlap_days = arguments.overlap;
  options.tolerance = arguments.tolerance;
  options.rejects_file = arguments.rejects;
  options.threads = arguments.threads;
  options.today = FormatDate(SystemClock().Now());
  const RebuildProgressLine line(command, options);
  const auto start = SystemClock().SinceBoot();
  repository::RebuildReport report;
  const Status status = repository::Rebuild(options, &report).status();
  const Millis took = std::chrono::duration_cast<Millis>(SystemClock().SinceBoot() - start);
  line.Clear();
  if (command.json()) {
    command.Print(RebuildJson(report, status, arguments, took));
  } else if (status.ok()) {
    command.Print(RebuildText(report, command.style(), repository::StoreFileOf(arguments.store), took));
  }
  return status;
}

}  // namespace

void AddRepositoryRebuild(CLI::App& group, Command& command) {
  CLI::App* rebuild = group.add_subcommand("rebuild", "newest FULL, then every delta in date order, no gap");
  auto arguments = std::make_shared<Arguments>();
  AddRebuildInputs(*rebuild, arguments->inputs);
  rebuild
      ->add_option("--store", arguments->store,
                   "store to build: a folder, or a file *.store; an old one is replaced only when the new one is whole")
      ->required();
  rebuild->add_option("--archive", arguments->archive, "folder of deltas that the Repository keeps no longer");
  rebuild->add_option("--full", arguments->full, "this FULL, a name in the folder or a path");
  rebuild->add_option("--delta", arguments->deltas, "these deltas and no others");
  rebuild->add_option("--as-of,--target", arguments->as_of,
                      "date to rebuild up to, YYYY-MM-DD; without it the newest delta");
  rebuild->add_option("--verify", arguments->verify, "structure leaves out signatures, and the store says so")
      ->check(CLI::IsMember({"full", "structure"}));
  rebuild->add_option("--overlap", arguments->overlap, "days before the FULL whose deltas are applied too")
      ->check(CLI::Range(0, 366));
  rebuild->add_option("--tolerate", arguments->tolerance, "rejected records that do not fail the rebuild")
      ->check(CLI::Range(0, 100000));
  rebuild->add_option("--rejects", arguments->rejects, "file for the rejected records; without it beside the store");
  rebuild->add_option("--threads", arguments->threads, "without it as many as there are cores")
      ->check(CLI::Range(1, 16));
  rebuild->callback([&command, arguments] { command.Run([&] { return Rebuild(command, *arguments); }); });
}

}  // namespace smki::cli
