//! One home with the files of six clients: connected, connected again, and taken off.

use bitrix24_crm_mcp::sandbox::Sandbox;
use insta::assert_snapshot;

use super::home::Home;
use crate::support::run;

#[tokio::test]
async fn six_clients_are_connected_and_taken_off_again() {
    let home = Home::new();
    home.write(".cursor/mcp.json", "{\n  // mine\n  \"mcpServers\": {\n    \"other\": {\"command\": \"x\", \"env\": {\"KEY\": \"an0ther-s3cret\"}},\n  },\n}\n");
    home.write(
        ".codex/config.toml",
        "model = \"o\" # why not\n\n[mcp_servers.other]\ncommand = 'x'\n",
    );
    home.write(".config/Code/User/mcp.json", "{\r\n\t\"inputs\": []\r\n}\r\n");
    home.write("dotfiles/zed.json", "// Zed\n{\"theme\": \"One\"}\n");
    home.link("dotfiles/zed.json", ".config/zed/settings.json");
    home.write(".gemini/settings.json", "{\"broken\": ");
    home.write(".codeium/windsurf/mcp_config.json", "{}");
    home.protect(".codeium/windsurf/mcp_config.json", 0o444);
    home.protect(".codex/config.toml", 0o640);
    let before = home.files();

    let sandbox = Sandbox::start().await.unwrap();
    home.write("address", &sandbox.webhook_url());
    let file = home.path("address");
    let arguments = ["setup", "--yes", "--webhook-file", &file];
    let finished = run(&mut home.program(&arguments)).await;
    assert_snapshot!(home.told(&finished), @r#"
    ✓ the settings are well formed: http://127.0.0.1
    ✓ the portal was reached and has accepted the sign-in
    ✓ calls have the rights of user 1 (Sandbox User, an administrator)
    ✓ the scope `crm` is granted, and people can be found by name
    ✓ the method `crm.item.update` is available
    ✓ leads can be read
    ✓ deals can be read
    ✓ contacts can be read
    ✓ companies can be read
    ✓ quotes can be read
    ✓ invoices can be read
    ✓ items of the smart process 132 (Vehicles) can be read
    ✓ items of the smart process 1048 (Old equipment) can be read
    ✓ items of the smart process 1220 (Projects) can be read

    ✗ Gemini CLI: `~/.gemini/settings.json` does not parse; correct the file first; it was left as it is
    ✗ Windsurf: `~/.codeium/windsurf/mcp_config.json` is read-only; allow writing it, or make the change by hand; it was left as it is
    Cursor: ~/.cursor/mcp.json
    @@ -3,4 +3,12 @@
       "mcpServers": {
         "other": {"command": "x", "env": {"KEY": "***"}},
    +    "bitrix24": {
    +      "type": "stdio",
    +      "command": "/bin/bitrix24-crm-mcp",
    +      "args": [],
    +      "env": {
    +        "BITRIX24_WEBHOOK_URL_FILE": "~/.config/bitrix24-crm-mcp/bitrix24.webhook"
    +      }
    +    },
       },
     }

    VS Code: ~/.config/Code/User/mcp.json
    @@ -1,3 +1,13 @@
     {
    -	"inputs": []
    +	"inputs": [],
    +	"servers": {
    +		"bitrix24": {
    +			"type": "stdio",
    +			"command": "/bin/bitrix24-crm-mcp",
    +			"args": [],
    +			"env": {
    +				"BITRIX24_WEBHOOK_URL_FILE": "~/.config/bitrix24-crm-mcp/bitrix24.webhook"
    +			}
    +		}
    +	}
     }

    Codex: ~/.codex/config.toml
    @@ -3,2 +3,9 @@
     [mcp_servers.other]
     command = 'x'
    +
    +[mcp_servers.bitrix24]
    +command = "/bin/bitrix24-crm-mcp"
    +args = []
    +
    +[mcp_servers.bitrix24.env]
    +BITRIX24_WEBHOOK_URL_FILE = "~/.config/bitrix24-crm-mcp/bitrix24.webhook"

    Zed: ~/dotfiles/zed.json
    @@ -1,2 +1,13 @@
     // Zed
    -{"theme": "One"}
    +{
    +  "theme": "One",
    +  "context_servers": {
    +    "bitrix24": {
    +      "command": "/bin/bitrix24-crm-mcp",
    +      "args": [],
    +      "env": {
    +        "BITRIX24_WEBHOOK_URL_FILE": "~/.config/bitrix24-crm-mcp/bitrix24.webhook"
    +      }
    +    }
    +  }
    +}

    ✓ the webhook is stored in `~/.config/bitrix24-crm-mcp/bitrix24.webhook`, readable by you alone
    ✓ Cursor: is set up; the previous file is kept as `~/.cursor/mcp.json.TIME.bak`
    ✓ VS Code: is set up; the previous file is kept as `~/.config/Code/User/mcp.json.TIME.bak`
    ✓ Codex: is set up; the previous file is kept as `~/.codex/config.toml.TIME.bak`
    ✓ Zed: is set up; the previous file is kept as `~/dotfiles/zed.json.TIME.bak`
    ✓ Cursor: its server starts and has 6 tools: update_crm_item, update_crm_items, undo_crm_update, find_crm_items, get_crm_item, describe_crm_fields
    ✓ VS Code: its server starts and has 6 tools: update_crm_item, update_crm_items, undo_crm_update, find_crm_items, get_crm_item, describe_crm_fields
    ✓ Codex: its server starts and has 6 tools: update_crm_item, update_crm_items, undo_crm_update, find_crm_items, get_crm_item, describe_crm_fields
    ✓ Zed: its server starts and has 6 tools: update_crm_item, update_crm_items, undo_crm_update, find_crm_items, get_crm_item, describe_crm_fields

    Next: start a new session in the client, and ask it to find a deal.
    code 1
    "#);

    let address = sandbox.webhook_url();
    let secret = address.trim_end_matches('/').rsplit('/').next().unwrap();
    let stored = ".config/bitrix24-crm-mcp/bitrix24.webhook";
    for (name, text) in home.files() {
        assert_eq!(text.contains(secret), name == stored || name == "address", "{name}");
    }
    assert_eq!(home.files()[stored], format!("{address}\n"));
    assert_eq!(home.mode(stored), 0o600);
    assert_eq!(home.mode(".config/bitrix24-crm-mcp"), 0o700);
    assert_eq!(home.mode(".codex/config.toml"), 0o640);
    assert!(home.is_link(".config/zed/settings.json"));
    let connected = home.files();
    for (client, file) in [
        ("cursor", ".cursor/mcp.json"),
        ("codex", ".codex/config.toml"),
        ("vscode", ".config/Code/User/mcp.json"),
        ("zed", "dotfiles/zed.json"),
    ] {
        let kept: Vec<&String> = connected
            .iter()
            .filter(|(name, _)| name.starts_with(&format!("{file}.")))
            .map(|(_, text)| text)
            .collect();
        assert_eq!(kept, [&before[file]], "{client}");
    }
    assert_snapshot!(home.shown(".cursor/mcp.json"), @r#"
    {
      // mine
      "mcpServers": {
        "other": {"command": "x", "env": {"KEY": "an0ther-s3cret"}},
        "bitrix24": {
          "type": "stdio",
          "command": "/bin/bitrix24-crm-mcp",
          "args": [],
          "env": {
            "BITRIX24_WEBHOOK_URL_FILE": "~/.config/bitrix24-crm-mcp/bitrix24.webhook"
          }
        },
      },
    }
    "#);
    assert_snapshot!(home.shown(".codex/config.toml"), @r#"
    model = "o" # why not

    [mcp_servers.other]
    command = 'x'

    [mcp_servers.bitrix24]
    command = "/bin/bitrix24-crm-mcp"
    args = []

    [mcp_servers.bitrix24.env]
    BITRIX24_WEBHOOK_URL_FILE = "~/.config/bitrix24-crm-mcp/bitrix24.webhook"
    "#);
    assert_snapshot!(home.shown(".config/Code/User/mcp.json").replace('\r', "␍"), @r#"
    {␍
    	"inputs": [],␍
    	"servers": {␍
    		"bitrix24": {␍
    			"type": "stdio",␍
    			"command": "/bin/bitrix24-crm-mcp",␍
    			"args": [],␍
    			"env": {␍
    				"BITRIX24_WEBHOOK_URL_FILE": "~/.config/bitrix24-crm-mcp/bitrix24.webhook"␍
    			}␍
    		}␍
    	}␍
    }␍
    "#);
    assert_snapshot!(home.shown("dotfiles/zed.json"), @r#"
    // Zed
    {
      "theme": "One",
      "context_servers": {
        "bitrix24": {
          "command": "/bin/bitrix24-crm-mcp",
          "args": [],
          "env": {
            "BITRIX24_WEBHOOK_URL_FILE": "~/.config/bitrix24-crm-mcp/bitrix24.webhook"
          }
        }
      }
    }
    "#);

    let again = run(&mut home.program(&arguments)).await;
    assert_eq!(again.code, Some(1));
    assert_eq!(home.files(), connected);

    let removed = run(&mut home.program(&["setup", "--remove", "--yes"])).await;
    assert_eq!(removed.code, Some(1), "{removed:?}");
    let after = home.files();
    assert!(!after.contains_key(stored));
    assert_eq!(after[".cursor/mcp.json"], before[".cursor/mcp.json"]);
    assert_eq!(after[".codex/config.toml"], before[".codex/config.toml"]);
    assert!(
        !after
            .iter()
            .any(|(name, text)| !name.contains(".bak") && text.contains("bitrix24-crm-mcp"))
    );
}
