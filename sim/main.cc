// smki-sim: the simulated estate of a drill (sim/README.md). Never part of a production installation.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/usage.h"
#include "sim/estate/generate.h"
#include "sim/estate/plan.h"
#include "sim/program/adopt.h"
#include "sim/program/fleet_report.h"
#include "sim/program/replace.h"
#include "sim/program/serve.h"
#include "sim/program/supplier.h"
#ifdef SMKI_HAS_SCENARIO
#include "sim/scenario/drill.h"
#endif

namespace smki::sim {
namespace {

constexpr int kFailed = 1;

// Ends a subcommand: by returning, or with the reason on standard error.
void Finish(const Status& status) {
  if (status.ok()) return;
  fmt::print(stderr, "smki-sim: {}\n", Message(status));
  throw CLI::RuntimeError(kFailed);
}

void Print(const StatusOr<std::string>& text) {
  Finish(text.status());
  fmt::print("{}", *text);
}

void AddGenerate(CLI::App& app) {
  auto options = std::make_shared<GenerateOptions>();
  CLI::App* command = app.add_subcommand("generate", "make a whole estate for a drill in a new folder");
  command->add_option("--out", options->out, "the folder, new or empty")->required();
  command->add_option("--devices", options->devices, "Devices of supplier-a, whose recovery is rehearsed")
      ->check(smki::WholeNumber())
      ->capture_default_str();
  command
      ->add_option("--bystanders", options->bystanders,
                   "Devices of supplier-b, which must stay untouched (default: a tenth, at least 8)")
      ->check(smki::WholeNumber());
  command->add_option("--seed", options->seed, "fixes layout, names, counts and order; never keys")
      ->check(smki::WholeNumber())
      ->capture_default_str();
  command->add_option("--runbooks", options->runbooks, "folder with appendix-l/")->required();
  command->callback([options] {
    options->on_stage = [](const std::string& stage) { fmt::print(stderr, "smki-sim: {}\n", stage); };
    const auto estate = Generate(*options, SystemClock(), SystemRandom());
    Finish(estate.status());
    fmt::print("estate {}: {} Devices, {} bystanders, {} extract records; trust policy {}\n", estate->id,
               estate->devices, estate->bystanders, estate->records, ToHex(estate->policy));
  });
}

void AddServe(CLI::App& app) {
  auto site = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("serve", "serve authority, inventory and Devices until SIGTERM");
  command->add_option("--site", *site, "sim.yaml")->required();
  command->callback([site] { Finish(Serve(*site)); });
}

std::string ToText(const NewCertificates& made) {
  std::string out;
  for (const NewCertificate& one : made.certificates) {
    out += fmt::format("{:<40} serial {}\n", one.cell.ToString(), one.certificate.SerialHex());
  }
  return out + (made.delta.empty() ? "already published\n" : fmt::format("published in {}\n", made.delta));
}

std::string ToJson(const NewCertificates& made) {
  nlohmann::json out = {{"delta", made.delta}, {"certificates", nlohmann::json::array()}};
  for (const NewCertificate& one : made.certificates) {
    out["certificates"].push_back({{"cell", one.cell.ToString()},
                                   {"serial", one.certificate.SerialHex()},
                                   {"sha256", ToHex(one.certificate.sha256())},
                                   {"ski", ToHex(one.certificate.public_key->identifier())}});
  }
  return out.dump(2) + "\n";
}

void AddOutput(CLI::App* command, std::string& output) {
  command->add_option("--output", output, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  command->add_flag_callback(
      "--json", [&output] { output = "json"; }, "the same as --output json");
}

// What a party does on its Devices itself; `act` is one of sim/program/replace.h.
void AddReplace(CLI::App& supplier, const char* name, const char* help,
                StatusOr<ReplaceResult> (*act)(const std::string&, const std::string&, const ReplaceOptions&)) {
  struct Options {
    std::string estate, party = kRecoveredSupplier;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = supplier.add_subcommand(name, help);
  command->add_option("--estate", options->estate, "the estate's folder")->required();
  command->add_option("--party", options->party, "whose Devices they are")->capture_default_str();
  command->callback([options, act] {
    const auto done = act(options->estate, options->party, ReplaceOptions());
    Finish(done.status());
    fmt::print("{} of {} Devices answered that every cell is replaced\n", done->answered, done->devices);
  });
}

void AddSupplier(CLI::App& app) {
  struct Options {
    std::string estate, party = kRecoveredSupplier, output = "text";
    bool hold = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* supplier = app.add_subcommand("supplier", "act as the staff of a party");
  supplier->require_subcommand(1);
  CLI::App* command = supplier->add_subcommand("new-certificates", "make new keys, have them certified and published");
  command->add_option("--estate", options->estate, "the estate's folder")->required();
  command->add_option("--party", options->party, "for example supplier-a")->capture_default_str();
  command->add_flag("--hold", options->hold, "do not ask for a delta: others will");
  AddOutput(command, options->output);
  command->callback([options] {
    const auto made = MakeNewCertificates(options->estate, options->party, !options->hold);
    Finish(made.status());
    Print(options->output == "json" ? ToJson(*made) : ToText(*made));
  });
  AddReplace(*supplier, "replace", "replace its certificates on its Devices with its own key", ReplaceCertificates);
  AddReplace(*supplier, "hand-over", "have the Access Control Broker hand its Devices over to it (SRV 6.21)", HandOver);
}

void AddAuthority(CLI::App& app) {
  auto estate = std::make_shared<std::string>();
  auto names = std::make_shared<NewHierarchyNames>();
  CLI::App* authority = app.add_subcommand("authority", "act as the staff of the certificate authority");
  authority->require_subcommand(1);
  CLI::App* command = authority->add_subcommand(
      "adopt", "take a new hierarchy from its key ceremonies into service; the estate's server is down");
  command->add_option("--estate", *estate, "the estate's folder")->required();
  command->add_option("--root", names->root, "ceremony of the Root OCA")->capture_default_str();
  command->add_option("--issuing", names->issuing, "ceremony of the Issuing OCA")->capture_default_str();
  command->add_option("--recovery", names->recovery, "ceremony of the Recovery key")->capture_default_str();
  command->callback([estate, names] { Finish(AdoptHierarchy(*estate, *names)); });
}

void AddVerifyHierarchy(CLI::App& app) {
  auto estate = std::make_shared<std::string>();
  auto names = std::make_shared<NewHierarchyNames>();
  CLI::App* command =
      app.add_subcommand("verify-hierarchy", "tell how many Devices really are under a new root (JSON)");
  command->add_option("--estate", *estate, "the estate's folder")->required();
  command->add_option("--root", names->root, "ceremony of the Root OCA")->capture_default_str();
  command->add_option("--issuing", names->issuing, "ceremony of the Issuing OCA")->capture_default_str();
  command->callback([estate, names] { Print(HierarchyReportJson(*estate, names->root, names->issuing)); });
}

void AddVerifyFleet(CLI::App& app) {
  struct Options {
    std::string estate, party = kRecoveredSupplier, holder, output = "text";
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("verify-fleet", "tell what every Device really holds");
  command->add_option("--estate", options->estate, "the estate's folder")->required();
  command->add_option("--party", options->party, "whose Devices it is about")->capture_default_str();
  command->add_option("--holder", options->holder,
                      "whose certificates they shall hold (default: the party's new ones)");
  AddOutput(command, options->output);
  command->callback([options] {
    const std::string& holder = options->holder.empty() ? options->party : options->holder;
    Print(options->output == "json" ? FleetReportJson(options->estate, options->party, holder)
                                    : FleetReportText(options->estate, options->party, holder));
  });
}

}  // namespace
}  // namespace smki::sim

int main(int argc, char** argv) {
  CLI::App app("The simulated estate of a drill: certificate authority, inventory, network and Devices.");
  app.name("smki-sim");
  app.require_subcommand(1);
  smki::sim::AddGenerate(app);
  smki::sim::AddServe(app);
  smki::sim::AddSupplier(app);
  smki::sim::AddVerifyFleet(app);
  smki::sim::AddAuthority(app);
  smki::sim::AddVerifyHierarchy(app);
#ifdef SMKI_HAS_SCENARIO
  smki::sim::AddDrillCommand(app);
#endif
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return smki::ExitAfter(app, error, argc, argv);
  }
  return 0;
}
