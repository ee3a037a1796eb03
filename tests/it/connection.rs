//! The connection to the portal is opened when a session opens, and the first call uses it.

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::support::{Server, deal};

/// One answer on an open connection: the text of the request comes back.
async fn answer_one(stream: &mut tokio::net::TcpStream) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 8192];
    while !request.ends_with(b"}") {
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "the connection was closed");
        request.extend_from_slice(&buffer[..count]);
    }
    let body = json!({"result": {"item": deal("b")}}).to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    String::from_utf8(request).unwrap()
}

#[tokio::test]
async fn the_first_call_uses_the_connection_that_was_opened_with_the_session() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let webhook = format!("http://{}/rest/1/s3cret/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { Server::connected_to(&webhook).await });
    // Opened by the session alone: no call has been made yet.
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut server = server.await.unwrap();

    let call = tokio::spawn(async move {
        let call = json!({"entityTypeId": 2, "id": 351, "fields": {"title": "b"}});
        server.update(call).await.json
    });
    // The first thing that ever comes on it is the call's own request.
    let request = answer_one(&mut stream).await;
    assert!(request.starts_with("POST /rest/1/s3cret/crm.item.get "), "{request}");
    assert_eq!(call.await.unwrap()["status"], "unchanged");
}
