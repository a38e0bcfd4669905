// smkictl repository verify and diff.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>

#include "base/clock.h"
#include "cli/repository_text.h"
#include "repository/prove.h"

namespace smki::cli {
namespace {

struct VerifyArguments {
  RebuildInputs inputs;
  std::string store, verify = "full";
};

Status Verify(const Command& command, const VerifyArguments& arguments) {
  SMKI_ASSIGN_OR_RETURN(repository::RebuildOptions options, OptionsOf(arguments.inputs));
  options.store = arguments.store;
  options.verify = arguments.verify == "full" ? repository::Verify::kFull : repository::Verify::kStructure;
  const RebuildProgressLine line(command, options);
  const auto start = SystemClock().SinceBoot();
  const auto proof = repository::ProveStore(options);
  const Millis took = std::chrono::duration_cast<Millis>(SystemClock().SinceBoot() - start);
  line.Clear();
  if (!proof.ok()) {
    if (command.json()) command.Print(Json{{"result", "refused"}, {"code", ReasonOf(proof.status())}});
    return proof.status();
  }
  if (command.json()) {
    Json out = SummaryJson(proof->summary);
    out["result"] = "proved";
    out["built_with"] = Name(proof->summary.verify);
    out["verify"] = arguments.verify;
    out["notes"] = proof->notes;
    out["seconds"] = static_cast<double>(took.count()) / 1000;
    command.Print(out);
    return OkStatus();
  }
  std::string text = command.style().Good("proved") + "  " + repository::StoreFileOf(arguments.store) + " in " +
                     Elapsed(took) + "\n" + SummaryText(proof->summary);
  for (const std::string& note : proof->notes) text += Fact("note", note, 10);
  command.Print(text);
  return OkStatus();
}

// A store as it is; extracts (a folder, or one FULL) built into a store in a folder that ends with this.
class Side {
 public:
  Side() = default;
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;
  ~Side() {
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  }
  Status Open(const std::string& path, const RebuildInputs& inputs) {
    const bool file = path.ends_with(".xml.gz");
    bool extracts = file;
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) {
      for (const auto& entry : std::filesystem::directory_iterator(path, error))
        extracts = extracts || entry.path().filename().string().starts_with("SMKIKR_FULL_");
    }
    if (!extracts) {
      store_ = repository::StoreFileOf(path);
      return OkStatus();
    }
    if (inputs.organisation_root.empty() || inputs.device_root.empty())
      return InvalidArgument("{} are extracts: give --organisation-root and --device-root to read them", path);
    SMKI_ASSIGN_OR_RETURN(repository::RebuildOptions options, OptionsOf(inputs));
    std::string folder = (std::filesystem::temp_directory_path() / "smki-diff-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) return Unavailable("cannot make a folder {}", folder);
    folder_ = folder;
    options.extracts = file ? std::filesystem::path(path).parent_path().string() : path;
    if (options.extracts.empty()) options.extracts = ".";
    if (file) options.files = {path.find('/') == std::string::npos ? "./" + path : path};
    options.store = store_ = folder_ + "/extracts.store";
    options.verify = repository::Verify::kStructure;
    return repository::Rebuild(options).status();
  }
  const std::string& store() const { return store_; }

 private:
  std::string folder_, store_;
};

struct DiffArguments {
  RebuildInputs inputs;
  std::string a, b;
  uint64_t limit = 100;
};

std::string StatusText(const std::optional<repository::CertificateStatus>& status) {
  return status ? std::string(1, static_cast<char>(*status)) : "";
}

Status Diff(Command& command, const DiffArguments& arguments) {
  Side a, b;
  SMKI_RETURN_IF_ERROR(a.Open(arguments.a, arguments.inputs));
  SMKI_RETURN_IF_ERROR(b.Open(arguments.b, arguments.inputs));
  Json list = Json::array();
  Columns table(2);
  uint64_t shown = 0;
  const auto visit = [&](const repository::DifferentCertificate& one) {
    if (shown++ >= arguments.limit) return OkStatus();
    const std::string before = StatusText(one.before), after = StatusText(one.after);
    if (command.json()) {
      list.push_back({{"difference", Name(one.difference)},
                      {"serial", one.serial},
                      {"eui", one.eui.ToString()},
                      {"before", before},
                      {"after", after}});
    } else {
      table.Row({Name(one.difference), one.serial, one.eui.ToString(), before + " -> " + after});
    }
    return OkStatus();
  };
  SMKI_ASSIGN_OR_RETURN(const repository::DiffReport report, repository::DiffStores(a.store(), b.store(), visit));
  if (!report.Same()) command.FoundFault();
  if (command.json()) {
    command.Print(Json{{"result", report.Same() ? "same" : "different"},
                       {"a", SummaryJson(report.a)},
                       {"b", SummaryJson(report.b)},
                       {"counts",
                        {{"same", report.same},
                         {"added", report.added},
                         {"removed", report.removed},
                         {"status", report.status},
                         {"body", report.body}}},
                       {"differences", list}});
    return OkStatus();
  }
  std::string text = table.Text();
  if (shown > arguments.limit) text += fmt::format("  ... and {} more\n", Count(shown - arguments.limit));
  text +=
      (report.Same() ? command.style().Good("the same") : command.style().Warn("different")) +
      fmt::format("  {} same, {} added, {} removed, {} with another status, {} with another body\n", Count(report.same),
                  Count(report.added), Count(report.removed), Count(report.status), Count(report.body)) +
      Fact("from", ToHex(report.a.digest), 6) + Fact("to", ToHex(report.b.digest), 6);
  command.Print(text);
  return OkStatus();
}

}  // namespace

void AddRepositoryProve(CLI::App& group, Command& command) {
  CLI::App* verify =
      group.add_subcommand("verify", "prove a store again: seals, indexes, every certificate, the digest");
  auto wanted = std::make_shared<VerifyArguments>();
  verify->add_option("store", wanted->store, "rebuilt store")->required();
  AddRoots(*verify, wanted->inputs, /*required=*/true);
  verify->add_option("--verify", wanted->verify, "structure leaves out signatures")
      ->check(CLI::IsMember({"full", "structure"}));
  verify->callback([&command, wanted] { command.Run([&] { return Verify(command, *wanted); }); });

  CLI::App* diff =
      group.add_subcommand("diff", "what two stores, or extracts, do not have in common; exit code 1 if anything");
  auto compared = std::make_shared<DiffArguments>();
  diff->add_option("a", compared->a, "store, folder of extracts, or one FULL")->required();
  diff->add_option("b", compared->b, "the other")->required();
  AddRoots(*diff, compared->inputs, /*required=*/false);
  diff->add_option("--limit", compared->limit, "differences shown; all are counted")->check(CLI::Range(0, 1000000));
  diff->callback([&command, compared] { command.Run([&] { return Diff(command, *compared); }); });
}

}  // namespace smki::cli
